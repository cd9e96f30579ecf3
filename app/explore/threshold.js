// The histogram of the foreground scores with a threshold to drag. The stage follows while it moves, Python on release.
// Called by Gradio with `element`, `props`, `trigger` and `watch` in scope.

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
const STEP = 0.01;
const SETTLED_MS = 350; // after the last key
const SVG = "http://www.w3.org/2000/svg";

const chart = document.createElementNS(SVG, "svg");
chart.setAttribute("preserveAspectRatio", "none");
chart.setAttribute("aria-hidden", "true");
const handle = document.createElement("div");
handle.className = "dino-handle";
handle.tabIndex = 0;
for (const [name, value] of Object.entries({ role: "slider", "aria-label": "Threshold between ground and object" })) {
  handle.setAttribute(name, value);
}
const plot = document.createElement("div");
plot.className = "dino-plot";
plot.title = "How many patches have which score; heights are square roots of the numbers";
plot.append(chart, handle);
const value = document.createElement("output");
const ends = document.createElement("div");
ends.className = "dino-ends";
const reset = document.createElement("button");
reset.type = "button";
reset.className = "dino-button";
reset.textContent = "Back to Otsu’s";
reset.title = "Set the threshold where Otsu’s rule puts it: between the two hills";
const line = document.createElement("div");
line.className = "dino-line";
line.append(value, reset);
const box = document.createElement("div");
box.className = "dino-threshold";
box.append(line, plot, ends);
element.replaceChildren(box);

let low = 0;
let high = 1;
let threshold = 0.5;
let dragging = false;
let keyTimer = 0;

function draw() {
  const { counts = [], edges = [] } = props.histogram || {};
  box.hidden = !counts.length;
  if (!counts.length) return;
  [low, high] = [edges[0], edges[edges.length - 1]];
  const tallest = Math.max(...counts, 1);
  chart.setAttribute("viewBox", `0 0 ${counts.length} 100`);
  chart.replaceChildren(
    ...counts.map((number, i) => {
      const bar = document.createElementNS(SVG, "rect");
      const tall = 100 * Math.sqrt(number / tallest); // the valley shows beside two spikes
      const place = { x: i + 0.05, y: 100 - tall, width: 0.9, height: tall };
      for (const [name, size] of Object.entries(place)) bar.setAttribute(name, size);
      return bar;
    }),
  );
  ends.replaceChildren(...[`${low.toFixed(1)} ground`, `object ${high.toFixed(1)}`].map((text) => {
    const end = document.createElement("span");
    end.textContent = text;
    return end;
  }));
  if (!dragging) move(props.histogram.threshold);
}

// Show a threshold, here and on the stage.
function move(to) {
  threshold = Math.min(Math.max(to, low), high);
  const { edges, otsu, invert } = props.histogram;
  const part = (threshold - low) / (high - low);
  handle.style.left = `${part * 100}%`;
  for (const [name, number] of [["min", low], ["max", high], ["now", threshold]]) {
    handle.setAttribute(`aria-value${name}`, number.toFixed(2));
  }
  value.textContent = `Threshold ${threshold.toFixed(2)}`;
  reset.hidden = otsu !== undefined && Math.abs(otsu - threshold) < STEP / 2;
  [...chart.children].forEach((bar, i) => {
    const object = (edges[i] + edges[i + 1]) / 2 >= threshold;
    bar.setAttribute("class", object !== Boolean(invert) ? "dino-object" : "dino-ground");
  });
  const detail = { threshold, invert: Boolean(invert) };
  window.dinoscope = Object.assign(window.dinoscope || {}, detail); // for a stage that is built later
  window.dispatchEvent(new CustomEvent("dinoscope:threshold", { detail }));
}

function follow(event) {
  const area = plot.getBoundingClientRect();
  move(low + ((event.clientX - area.left) / area.width) * (high - low));
}

function release() {
  clearTimeout(keyTimer);
  trigger("change", { threshold });
}

plot.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  dragging = true;
  plot.setPointerCapture(event.pointerId);
  handle.focus({ preventScroll: true });
  follow(event);
  event.preventDefault();
});
plot.addEventListener("pointermove", (event) => {
  if (dragging) follow(event);
});
for (const name of ["pointerup", "pointercancel"]) {
  plot.addEventListener(name, () => {
    if (dragging) release();
    dragging = false;
  });
}
handle.addEventListener("keydown", (event) => {
  if (event.key in STEPS) move(threshold + STEPS[event.key] * STEP);
  else if (event.key === "Home") move(low);
  else if (event.key === "End") move(high);
  else return;
  event.preventDefault();
  clearTimeout(keyTimer);
  keyTimer = setTimeout(release, SETTLED_MS);
});
reset.addEventListener("click", () => {
  const { otsu } = props.histogram;
  if (otsu !== undefined) move(otsu);
  trigger("change", { threshold: null });
});

watch("histogram", draw);
draw();
