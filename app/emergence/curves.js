// Scores over the steps of a run, with a handle on the step that is shown. Steps lie on a logarithmic axis, since a run
// is looked at after 0, 1, 2, 4, … of them; scores on one axis from chance to perfect, losses each on its own.

const CURVE_COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]; // Okabe and Ito
const CHART = { height: 156, left: 54, right: 14, top: 22, bottom: 30 };
const SHOWN_FIRST = ["foreground_iou", "pck_family", "knn_category", "segmentation_parts", "depth_log_rmse", "loss"];
const PLAY_MS = 650;
const SVG_SPACE = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG_SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
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

// -> {element, show, point, play}. `chosen(place)` is called when the visitor goes to another of the steps.
function buildCurves(chosen) {
  const chart = svg("svg", { class: "dino-chart", "aria-hidden": "true" });
  const knob = make("div", "dino-knob", { tabindex: "0", role: "slider", "aria-label": "Step of the training" });
  const plot = make("div", "dino-curves-plot", {}, chart, knob);
  const play = make("button", "dino-button dino-play", { type: "button" }, "Play");
  const told = make("span", "dino-step");
  const legend = make("div", "dino-legend");
  const more = make("button", "dino-button", { type: "button", "aria-expanded": "false" }, "More measures");
  const asks = make("p", "dino-asks");
  const line = make("div", "dino-line", {}, play, told);
  const element = make("div", "dino-curves", {}, line, plot, make("div", "dino-legend-line", {}, legend, more), asks);
  const state = { series: [], steps: [], place: 0, hidden: null, lit: null, timer: 0 };

  const wide = () => Math.max(plot.clientWidth, 200) - CHART.left - CHART.right;
  const last = () => Math.max(state.steps[state.steps.length - 1] ?? 0, ...state.series.map(lastStep), 1);
  const lastStep = (series) => series.points.at(-1)?.[0] ?? 0;
  const xOf = (step) => CHART.left + (Math.log2(step + 1) / Math.log2(last() + 1)) * wide();

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
    told.textContent = step === undefined ? "" : `Step ${step.toLocaleString("en")} of ${last().toLocaleString("en")}`;
    knob.hidden = step === undefined;
    if (step === undefined) return;
    knob.style.left = `${xOf(step)}px`;
    for (const [name, value] of [["min", 0], ["max", state.steps.length - 1], ["now", place]]) {
      knob.setAttribute(`aria-value${name}`, value);
    }
    knob.setAttribute("aria-valuetext", told.textContent);
    for (const entry of legend.children) entry.lastChild.textContent = valueAt(entry.series, step);
  }

  function valueAt(series, step) {
    const before = series.points.filter((point) => point[0] <= step).pop();
    return before ? before[1].toFixed(2) : "–";
  }

  function seen() {
    return state.series.filter((one) => !state.hidden?.has(one.key) && one.points.length);
  }

  function colourOf(series) {
    const scores = state.series.filter((one) => one.kind === "score" && SHOWN_FIRST.includes(one.key));
    const others = state.series.filter((one) => !scores.includes(one));
    if (series.kind === "loss") return "var(--dino-muted)";
    return CURVE_COLOURS[[...scores, ...others].indexOf(series) % CURVE_COLOURS.length];
  }

  function draw() {
    const width = plot.clientWidth;
    if (!width) return;
    const shown = seen();
    const scores = shown.filter((one) => one.kind === "score");
    const shares = scores.flatMap((one) => one.points.map((point) => shareOf(one, point[1])));
    const top = scores.length ? Math.min(Math.max(...shares, 0.15) * 1.1, 1.02) : 1.02;
    const low = scores.length ? Math.max(Math.min(...shares, 0), -0.5) : 0;
    const tall = CHART.height - CHART.top - CHART.bottom;
    const yOf = (share) => CHART.top + (1 - (Math.min(Math.max(share, low), top) - low) / (top - low)) * tall;
    chart.setAttribute("viewBox", `0 0 ${width} ${CHART.height}`);
    const fitted = (series, share) => (series.kind === "loss" ? low + share * (top - low) : share); // all of it is seen
    const heightOf = (series, value) => yOf(fitted(series, shareOf(series, value)));
    const curves = shown.map((one) => curve(one, heightOf));
    const lit = shown.find((one) => one.key === state.lit);
    chart.replaceChildren(...rules(scores.length ? [low, top] : null, yOf, width), ...ticks(), ...curves);
    if (lit) chart.append(...baselines(lit, heightOf, width));
    point(Math.min(state.place, Math.max(state.steps.length - 1, 0)));
  }

  function curve(series, heightOf) {
    const places = series.points.map(([step, value]) => `${xOf(step).toFixed(1)},${heightOf(series, value).toFixed(1)}`);
    const faded = state.lit && state.lit !== series.key ? 0.25 : 1;
    const dashes = series.kind === "loss" ? "3 4" : "none";
    const path = svg("polyline", { points: places.join(" "), fill: "none", "stroke-width": 2, "stroke-dasharray": dashes });
    path.style.stroke = colourOf(series);
    path.style.opacity = faded;
    return path;
  }

  // Lines across at round shares, with their names at the left.
  function rules(range, yOf, width) {
    if (!range) return [];
    const step = range[1] - range[0] > 0.55 ? 0.25 : range[1] - range[0] > 0.22 ? 0.1 : 0.05;
    const shares = [];
    for (let share = Math.ceil(range[0] / step) * step; share <= range[1] + 1e-9; share += step) shares.push(share);
    return shares.flatMap((share) => {
      const y = yOf(share);
      const name = Math.abs(share) < 1e-9 ? "chance" : Math.abs(share - 1) < 1e-9 ? "perfect" : `${Math.round(share * 100)} %`;
      return [
        svg("line", { x1: CHART.left, x2: width - CHART.right, y1: y, y2: y, class: name === "chance" ? "dino-zero" : "dino-rule" }),
        svg("text", { x: CHART.left - 8, y: y + 4, "text-anchor": "end" }, name),
      ];
    });
  }

  // One for each snapshot, numbered where there is room.
  function ticks() {
    const base = CHART.height - CHART.bottom;
    let taken = -Infinity;
    return state.steps.flatMap((step) => {
      const x = xOf(step);
      const nodes = [svg("line", { x1: x, x2: x, y1: base, y2: base + 5, class: "dino-tick" })];
      const text = step.toLocaleString("en");
      if (x - taken > 14 + 6 * text.length) {
        nodes.push(svg("text", { x, y: base + 19, "text-anchor": "middle" }, text));
        taken = x;
      }
      return nodes;
    });
  }

  // What a series reaches without any learning, and how sure its values are.
  function baselines(series, heightOf, width) {
    const band = series.points.filter((point) => point.length === 4);
    const edge = (at) => band.map((point) => `${xOf(point[0])},${heightOf(series, point[at])}`);
    const area = svg("polygon", { points: [...edge(2), ...edge(3).reverse()].join(" "), class: "dino-band" });
    area.style.fill = colourOf(series);
    const lines = Object.entries(series.baselines ?? {}).flatMap(([name, value]) => {
      const y = heightOf(series, value);
      return [
        svg("line", { x1: CHART.left, x2: width - CHART.right, y1: y, y2: y, class: "dino-baseline" }),
        svg("text", { x: CHART.left + 6, y: y - 4 }, `${name} alone ${value.toFixed(2)}`),
      ];
    });
    return [area, ...lines];
  }

  function drawLegend() {
    const entries = state.series.map((series) => {
      const swatch = make("i");
      swatch.style.background = colourOf(series);
      const name = make("span");
      name.textContent = series.title + (series.kind === "score" && !series.rises ? " ↓" : "");
      const entry = make("button", "dino-key", { type: "button", title: `${series.asks}${series.rises === false ? "; less is better" : ""}` }, swatch, name, make("b"));
      entry.series = series;
      pressed(entry, !state.hidden?.has(series.key));
      entry.classList.toggle("dino-later", !SHOWN_FIRST.includes(series.key));
      entry.addEventListener("click", () => toggle(series.key, entry));
      for (const name of ["pointerenter", "focus"]) entry.addEventListener(name, () => light(series));
      for (const name of ["pointerleave", "blur"]) entry.addEventListener(name, () => light(null));
      return entry;
    });
    legend.replaceChildren(...entries);
    more.hidden = entries.length <= SHOWN_FIRST.length;
    light(null);
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

  more.addEventListener("click", () => {
    const open = legend.classList.toggle("dino-all");
    more.setAttribute("aria-expanded", String(open));
    more.textContent = open ? "Fewer measures" : "More measures";
  });
  function fromTheStart() {
    if (state.place >= state.steps.length - 1) go(0);
    playing(true);
  }

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
