// Elements made in one line, listeners outside of one that end with it, and a canvas given away as a file.

const SVG = "http://www.w3.org/2000/svg";

export function make(tag, className = "", attributes = {}, ...children) {
  const built = document.createElement(tag);
  if (className) built.className = className;
  for (const [name, value] of Object.entries(attributes)) built.setAttribute(name, value);
  built.append(...children);
  return built;
}

export function makeButton(className, text, press) {
  const built = make("button", className, { type: "button" }, text);
  built.addEventListener("click", press);
  return built;
}

// The same for a drawing: `shape("circle", { cx, cy, r })`.
export function shape(tag, attributes = {}, ...children) {
  const built = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) built.setAttribute(name, value);
  built.append(...children);
  return built;
}

// Listeners outside of a component that end with it: Gradio may build it anew.
export function outsideOf(element) {
  const ended = new AbortController();
  return (target, name, listener) => {
    const alive = (event) => (element.isConnected ? listener(event) : ended.abort());
    target.addEventListener(name, alive, { signal: ended.signal });
  };
}

// Whether a key is pressed for the page: alone, and not while something is typed.
export function isFreeKey(event) {
  const free = "input:not([type=radio]):not([type=checkbox]):not([type=range])";
  const typing = event.target.closest?.(`textarea, select, [contenteditable], ${free}`);
  return !(event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing);
}

// Whether a finger points, which has neither keys nor a Shift.
export function byFinger() {
  return matchMedia("(pointer: coarse)").matches;
}

// What one part of the page leaves for another, also for one that is built later.
export function share(values) {
  window.dinoscope = Object.assign(window.dinoscope || {}, values);
}

export function download(canvas, name) {
  canvas.toBlob((blob) => {
    const link = make("a", "", { href: URL.createObjectURL(blob), download: `${name}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}
