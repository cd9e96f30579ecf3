// Gradio's sliders answer when the pointer lets them go. Those who move them by keyboard let go of a key instead.
document.addEventListener("keyup", (event) => {
  const moves = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];
  if (moves.includes(event.key) && event.target.matches?.(".gradio-container input[type=range]")) {
    event.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  }
});
