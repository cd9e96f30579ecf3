// Curves of scores over the steps of a run. Steps lie on a logarithmic axis, since a run is looked at after 0, 1, 2, 4, …
// of them; scores on one axis from chance to perfect, losses each on its own.
// `told` is {series, steps, hidden: Set of keys or null, lit: the key of the one looked at or null}.

import { shape } from "../page/elements.js";

export const SHOWN_FIRST = [
  "foreground_iou", "pck_family", "knn_category", "segmentation_parts", "depth_log_rmse", "loss",
];
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]; // Okabe and Ito
const SIZE = { height: 156, left: 54, right: 14, top: 22, bottom: 30 };
const BASE = SIZE.height - SIZE.bottom;

export function lastStep({ series, steps }) {
  return Math.max(steps[steps.length - 1] ?? 0, ...series.map((one) => one.points.at(-1)?.[0] ?? 0), 1);
}

// Where a step is in a chart `width` px wide.
export function placeOf(told, width, step) {
  const wide = Math.max(width, 200) - SIZE.left - SIZE.right;
  return SIZE.left + (Math.log2(step + 1) / Math.log2(lastStep(told) + 1)) * wide;
}

export function colourOf(told, series) {
  const scores = told.series.filter((one) => one.kind === "score" && SHOWN_FIRST.includes(one.key));
  const others = told.series.filter((one) => !scores.includes(one));
  if (series.kind === "loss") return "var(--dino-muted)";
  return COLOURS[[...scores, ...others].indexOf(series) % COLOURS.length];
}

// The part of the way from chance to perfect, of a score; of a loss, the part of its own range.
function shareOf(series, value) {
  if (series.kind === "loss") {
    const values = series.points.map((point) => point[1]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return high > low ? (value - low) / (high - low) : 0;
  }
  const best = series.best ?? (series.rises ? 1 : 0);
  return (value - series.chance) / (best - series.chance);
}

// Everything in a chart `width` px wide.
export function drawChart(chart, told, width) {
  const shown = told.series.filter((one) => !told.hidden?.has(one.key) && one.points.length);
  const scores = shown.filter((one) => one.kind === "score");
  const shares = scores.flatMap((one) => one.points.map((point) => shareOf(one, point[1])));
  const top = scores.length ? Math.min(Math.max(...shares, 0.15) * 1.1, 1.02) : 1.02;
  const low = scores.length ? Math.max(Math.min(...shares, 0), -0.5) : 0;
  const tall = BASE - SIZE.top;
  const yOf = (share) => SIZE.top + (1 - (Math.min(Math.max(share, low), top) - low) / (top - low)) * tall;
  const fitted = (series, share) => (series.kind === "loss" ? low + share * (top - low) : share); // all of it is seen
  const xOf = (step) => placeOf(told, width, step);
  const heightOf = (series, value) => yOf(fitted(series, shareOf(series, value)));
  const lit = shown.find((one) => one.key === told.lit);
  chart.setAttribute("viewBox", `0 0 ${width} ${SIZE.height}`);
  chart.replaceChildren(
    ...(scores.length ? rules([low, top], yOf, width) : []),
    ...ticks(told.steps, xOf),
    ...shown.map((one) => curve(told, one, xOf, heightOf)),
    ...(lit ? baselines(told, lit, xOf, heightOf, width) : []),
  );
}

function curve(told, series, xOf, heightOf) {
  const places = series.points.map(([step, value]) => `${xOf(step).toFixed(1)},${heightOf(series, value).toFixed(1)}`);
  const dashes = series.kind === "loss" ? "3 4" : "none";
  const line = { points: places.join(" "), fill: "none", "stroke-width": 2, "stroke-dasharray": dashes };
  const path = shape("polyline", line);
  path.style.stroke = colourOf(told, series);
  path.style.opacity = told.lit && told.lit !== series.key ? 0.25 : 1;
  return path;
}

function across(y, width, className) {
  return shape("line", { x1: SIZE.left, x2: width - SIZE.right, y1: y, y2: y, class: className });
}

// Lines across at round shares, with their names at the left.
function rules([low, high], yOf, width) {
  const step = high - low > 0.55 ? 0.25 : high - low > 0.22 ? 0.1 : 0.05;
  const shares = [];
  for (let share = Math.ceil(low / step) * step; share <= high + 1e-9; share += step) shares.push(share);
  return shares.flatMap((share) => {
    const y = yOf(share);
    const is = (other) => Math.abs(share - other) < 1e-9;
    const name = is(0) ? "chance" : is(1) ? "perfect" : `${Math.round(share * 100)} %`;
    return [
      across(y, width, is(0) ? "dino-zero" : "dino-rule"),
      shape("text", { x: SIZE.left - 8, y: y + 4, "text-anchor": "end" }, name),
    ];
  });
}

// One for each snapshot, numbered where there is room.
function ticks(steps, xOf) {
  let taken = -Infinity;
  return steps.flatMap((step) => {
    const x = xOf(step);
    const nodes = [shape("line", { x1: x, x2: x, y1: BASE, y2: BASE + 5, class: "dino-tick" })];
    const text = step.toLocaleString("en");
    if (x - taken > 14 + 6 * text.length) {
      nodes.push(shape("text", { x, y: BASE + 19, "text-anchor": "middle" }, text));
      taken = x;
    }
    return nodes;
  });
}

// What a series reaches without any learning, and how sure its values are.
function baselines(told, series, xOf, heightOf, width) {
  const band = series.points.filter((point) => point.length === 4);
  const edge = (at) => band.map((point) => `${xOf(point[0])},${heightOf(series, point[at])}`);
  const area = shape("polygon", { points: [...edge(2), ...edge(3).reverse()].join(" "), class: "dino-band" });
  area.style.fill = colourOf(told, series);
  const lines = Object.entries(series.baselines ?? {}).flatMap(([name, value]) => {
    const y = heightOf(series, value);
    return [
      across(y, width, "dino-baseline"),
      shape("text", { x: SIZE.left + 6, y: y - 4 }, `${name} alone ${value.toFixed(2)}`),
    ];
  });
  return [area, ...lines];
}
