// Figures drawn by Plotly, which is fetched from this server with the first of them.

import { make } from "./elements.js";
import { buildPatchReading } from "./patch.js";

const SLOP = 5; // px the pointer may move in a click; more is a turn
const TAP_MS = 1000; // in which Plotly says what was tapped, on a slow machine too
let coming = null; // the promise of Plotly, one for all figures

function plotly() {
  coming ||= new Promise((done, failed) => {
    const script = make("script", "", { src: "plotly.min.js" });
    script.addEventListener("load", () => done(window.Plotly));
    script.addEventListener("error", () => {
      coming = null; // the next figure tries again
      failed(new Error("Plotly's script did not come"));
    });
    document.head.append(script);
  });
  return coming;
}

// Colours of the page in whatever a figure itself leaves open.
function shadeOf(element) {
  const colour = (name) => getComputedStyle(element).getPropertyValue(`--dino-${name}`).trim();
  const [ink, line, panel] = ["ink", "line", "panel"].map(colour);
  const axis = { color: ink, gridcolor: line, zerolinecolor: line, linecolor: line };
  return {
    layout: {
      font: { color: ink, family: "system-ui, sans-serif" },
      paper_bgcolor: panel,
      plot_bgcolor: panel,
      hoverlabel: { bgcolor: panel, bordercolor: line, font: { color: ink } },
      xaxis: axis,
      yaxis: axis,
      scene: { xaxis: axis, yaxis: axis, zaxis: axis },
    },
  };
}

// The patch of a point, whose rows and columns are counted from 1.
function markOf({ data, customdata: [row, col] }) {
  return { picture: data.meta, row: row - 1, col: col - 1 };
}

export function mount({ element, props, watch }) {
  const board = make("div", "dino-figures");
  const told = make("p", "dino-figures-told", { role: "status" });
  const reading = buildPatchReading();
  element.replaceChildren(make("div", "dino-figures-room", {}, told, board, reading.line));
  const isDark = () => document.body.classList.contains("dark");
  const state = { figures: [], syncs: 0, over: null, from: null, tap: null, dark: isDark() };

  async function sync() {
    const mine = ++state.syncs;
    const texts = props.figures || [];
    reading.line.hidden = true;
    if (texts.length && !window.Plotly) told.textContent = "Fetching what draws figures …";
    try {
      const library = texts.length ? await plotly() : null;
      if (mine !== state.syncs) return;
      told.textContent = "";
      state.figures = texts.map((text) => JSON.parse(text));
      await draw(library);
    } catch (error) {
      told.textContent = `${error.message}: is the server still there? Close and open this again.`;
    }
  }

  async function draw(library) {
    while (board.children.length > state.figures.length) {
      library?.purge(board.lastChild);
      board.lastChild.remove();
    }
    while (board.children.length < state.figures.length) board.append(make("div", "dino-figure"));
    const template = shadeOf(element);
    for (const [i, { data, layout, config }] of state.figures.entries()) {
      const place = board.children[i];
      const solid = data.some((trace) => trace.type === "scatter3d");
      place.classList.toggle("dino-solid", solid);
      await library.react(place, data, { ...layout, template }, config);
      if (data.some((trace) => trace.meta)) listen(place);
    }
  }

  function listen(place) {
    reading.line.hidden = false;
    if (place.dataset.heard) return;
    place.dataset.heard = "yes";
    for (const name of ["plotly_hover", "plotly_click"]) place.on(name, ({ points }) => point(markOf(points[0])));
    place.on("plotly_unhover", () => point(null));
    place.addEventListener("pointerdown", press, true);
    place.addEventListener("pointerup", release, true);
  }

  // Plotly's own click is lost where a button is up again before the next frame, and comes with every turn by a finger:
  // what counts is that the pointer has not moved, and which patch it is on. A finger's is known one frame later.
  function press(event) {
    state.from = event;
    state.tap = null;
    if (event.pointerType === "touch") state.over = null;
  }

  function release(event) {
    const moved = !state.from || Math.hypot(event.clientX - state.from.clientX, event.clientY - state.from.clientY);
    if (moved > SLOP) return;
    state.tap = event;
    if (state.over) hold();
    setTimeout(() => state.tap === event && (state.tap = null), TAP_MS);
  }

  function hold() {
    window.dispatchEvent(new CustomEvent("dinoscope:patch", { detail: { mark: state.over, event: state.tap } }));
    state.tap = null;
  }

  function point(mark) {
    state.over = mark;
    if (mark) reading.show(mark); // the last one stays, so that its button can be reached
    window.dispatchEvent(new CustomEvent("dinoscope:patch", { detail: { mark } }));
    if (mark && state.tap) hold();
  }

  const shades = new MutationObserver(() => {
    if (!element.isConnected) shades.disconnect();
    else if (state.dark !== (state.dark = isDark()) && window.Plotly) draw(window.Plotly);
  });
  shades.observe(document.body, { attributeFilter: ["class"] });
  watch("figures", sync);
  sync();
}
