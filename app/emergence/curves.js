// The curves of a run below its pictures: a handle on the step that is shown, a legend, a button that plays.

import { make, makeButton, shape } from "../page/elements.js";
import { pressed } from "../page/toolbar.js";
import { SHOWN_FIRST, colourOf, drawChart, lastStep, placeOf } from "./chart.js";

const PLAY_MS = 650;

function buildParts() {
  const chart = shape("svg", { class: "dino-chart", "aria-hidden": "true" });
  const knob = make("div", "dino-knob", { tabindex: "0", role: "slider", "aria-label": "Step of the training" });
  const plot = make("div", "dino-curves-plot", {}, chart, knob);
  const play = make("button", "dino-button dino-play", { type: "button" }, "Play");
  const told = make("span", "dino-step");
  const legend = make("div", "dino-legend");
  const more = make("button", "dino-button", { type: "button", "aria-expanded": "false" }, "More measures");
  const asks = make("p", "dino-asks");
  const line = make("div", "dino-line", {}, play, told);
  const element = make("div", "dino-curves", {}, line, plot, make("div", "dino-legend-line", {}, legend, more), asks);
  return { element, chart, knob, plot, play, told, legend, more, asks };
}

function valueAt(series, step) {
  const before = series.points.filter((point) => point[0] <= step).pop();
  return before ? before[1].toFixed(2) : "–";
}

// -> {element, show, point, play}. `chosen(place)` is called when the visitor goes to another of the steps.
export function buildCurves(chosen) {
  const { element, chart, knob, plot, play, told, legend, more, asks } = buildParts();
  const state = { series: [], steps: [], place: 0, hidden: null, lit: null, timer: 0 };
  const xOf = (step) => placeOf(state, plot.clientWidth, step);

  function show(series, steps) {
    if (state.hidden === null && series.length) {
      const first = series.filter((one) => SHOWN_FIRST.includes(one.key));
      state.hidden = new Set(series.filter((one) => first.length && !first.includes(one)).map((one) => one.key));
    }
    Object.assign(state, { series, steps });
    drawLegend();
    draw();
  }

  function point(place) {
    state.place = place;
    const step = state.steps[place];
    const last = lastStep(state).toLocaleString("en");
    told.textContent = step === undefined ? "" : `Step ${step.toLocaleString("en")} of ${last}`;
    knob.hidden = step === undefined;
    if (step === undefined) return;
    knob.style.left = `${xOf(step)}px`;
    for (const [name, value] of [["min", 0], ["max", state.steps.length - 1], ["now", place]]) {
      knob.setAttribute(`aria-value${name}`, value);
    }
    knob.setAttribute("aria-valuetext", told.textContent);
    for (const entry of legend.children) entry.lastChild.textContent = valueAt(entry.series, step);
  }

  function draw() {
    if (!plot.clientWidth) return;
    drawChart(chart, state, plot.clientWidth);
    point(Math.min(state.place, Math.max(state.steps.length - 1, 0)));
  }

  function drawLegend() {
    legend.replaceChildren(...state.series.map(legendEntry));
    more.hidden = state.series.length <= SHOWN_FIRST.length;
    light(null);
  }

  function legendEntry(series) {
    const swatch = make("i");
    swatch.style.background = colourOf(state, series);
    const name = series.title + (series.kind === "score" && !series.rises ? " ↓" : "");
    const entry = makeButton("dino-key", "", () => toggle(series.key, entry));
    entry.append(swatch, make("span", "", {}, name), make("b"));
    entry.title = `${series.asks}${series.rises === false ? "; less is better" : ""}`;
    entry.series = series;
    pressed(entry, !state.hidden?.has(series.key));
    entry.classList.toggle("dino-later", !SHOWN_FIRST.includes(series.key));
    for (const name of ["pointerenter", "focus"]) entry.addEventListener(name, () => light(series));
    for (const name of ["pointerleave", "blur"]) entry.addEventListener(name, () => light(null));
    return entry;
  }

  function toggle(key, entry) {
    if (!state.hidden.delete(key)) state.hidden.add(key);
    pressed(entry, !state.hidden.has(key));
    draw();
  }

  function light(series) {
    state.lit = series && !state.hidden?.has(series.key) ? series.key : null;
    const scored = state.series.some((one) => one.kind === "score");
    const how = scored
      ? "Each curve from chance (0) to perfect (100 %); losses dashed, each on its own scale. Click a name to show or hide it."
      : "Losses, each on its own scale. This run has no scores; python -m train.timeline RUN adds them.";
    asks.textContent = series ? `${series.title}: ${series.asks}.` : state.series.length ? how : "";
    draw();
  }

  function go(place) {
    const to = Math.min(Math.max(place, 0), state.steps.length - 1);
    if (to === state.place || to < 0) return;
    point(to);
    chosen(to);
  }

  function nearest(event) {
    const x = event.clientX - plot.getBoundingClientRect().left;
    const away = state.steps.map((step) => Math.abs(xOf(step) - x));
    go(away.indexOf(Math.min(...away)));
  }

  function playing(on) {
    clearInterval(state.timer);
    state.timer = on ? setInterval(advance, PLAY_MS) : 0;
    play.textContent = on ? "Pause" : "Play";
  }

  function advance() {
    if (!element.isConnected || state.place >= state.steps.length - 1) playing(false);
    else go(state.place + 1);
  }

  function fromTheStart() {
    if (state.place >= state.steps.length - 1) go(0);
    playing(true);
  }

  more.addEventListener("click", () => {
    const open = legend.classList.toggle("dino-all");
    more.setAttribute("aria-expanded", String(open));
    more.textContent = open ? "Fewer measures" : "More measures";
  });
  play.addEventListener("click", () => (state.timer ? playing(false) : fromTheStart()));
  let dragging = false;
  plot.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    dragging = true;
    playing(false);
    plot.setPointerCapture(event.pointerId);
    knob.focus({ preventScroll: true });
    nearest(event);
    event.preventDefault();
  });
  plot.addEventListener("pointermove", (event) => {
    if (dragging) nearest(event);
  });
  for (const name of ["pointerup", "pointercancel"]) plot.addEventListener(name, () => (dragging = false));
  knob.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    playing(false);
    go(state.place + by);
    event.preventDefault();
  });
  new ResizeObserver(draw).observe(plot);
  return { element, show, point, play: fromTheStart };
}
