// The histogram of the foreground scores with a threshold to drag. The stage follows while it moves, Python on release.

import { make, shape, share } from "../page/elements.js";

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
const STEP = 0.01;
const SETTLED_MS = 350; // after the last key

function buildParts() {
  const chart = shape("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  const says = { role: "slider", "aria-label": "Threshold between ground and object", tabindex: "0" };
  const handle = make("div", "dino-handle", says);
  const title = "How many patches have which score; heights are square roots of the numbers";
  const plot = make("div", "dino-plot", { title }, chart, handle);
  const value = make("output");
  const ends = make("div", "dino-ends");
  const why = "Set the threshold where Otsu’s rule puts it: between the two hills";
  const reset = make("button", "dino-button", { type: "button", title: why }, "Back to Otsu’s");
  const box = make("div", "dino-threshold", {}, make("div", "dino-line", {}, value, reset), plot, ends);
  return { box, plot, chart, handle, value, ends, reset };
}

function bars(counts) {
  const tallest = Math.max(...counts, 1);
  return counts.map((number, i) => {
    const tall = 100 * Math.sqrt(number / tallest); // the valley shows beside two spikes
    return shape("rect", { x: i + 0.05, y: 100 - tall, width: 0.9, height: tall });
  });
}

export function mount({ element, props, trigger, watch }) {
  const { box, plot, chart, handle, value, ends, reset } = buildParts();
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
    chart.setAttribute("viewBox", `0 0 ${counts.length} 100`);
    chart.replaceChildren(...bars(counts));
    const words = [`${low.toFixed(1)} ground`, `object ${high.toFixed(1)}`];
    ends.replaceChildren(...words.map((text) => make("span", "", {}, text)));
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
    share(detail); // for a stage that is built later
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
}
