// Listeners outside of a component that end with it: Gradio may build it anew.
function outsideOf(element) {
  const ended = new AbortController();
  return (target, name, listener) => {
    const alive = (event) => (element.isConnected ? listener(event) : ended.abort());
    target.addEventListener(name, alive, { signal: ended.signal });
  };
}
