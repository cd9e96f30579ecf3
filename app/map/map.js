// The map: points that become pictures as one nears them, hovered, clicked, drawn round.
//
// Props: `places` {token, data (base64 float32 [n, 2]), caption}, `colours` {token, data (base64 uint8 [n]), table
// (256 colours #rrggbb), legend: [{level, colour, name, count, medoid, uri}], scale}, `note`, `empty`; and `inline`, what
// is known of each point by id, for a map without a server.
// Events: "select" {token, id}, "submit" {token, id} (open it), "input" {token, ids} (drawn round).

import { make } from "../page/elements.js";
import { createCamera } from "./camera.js";
import { drawMap, eased } from "./drawing.js";
import { answerHand } from "./hand.js";
import { createFlatPainter, createPainter } from "./painter.js";
import { indexPlaces, mixedPlaces } from "./places.js";
import { createThumbnails } from "./thumbnails.js";

const HOW =
  "Map of pictures. Arrows go from point to point, plus and minus zoom, Enter opens, L draws round points, 0 shows all.";

function buildParts() {
  const points = make("canvas", "dino-points");
  const over = make("canvas", "dino-map-over");
  const empty = make("div", "dino-map-empty", { hidden: "" });
  const card = make("figure", "dino-card", { hidden: "" });
  const says = { tabindex: "0", role: "application", "aria-label": HOW };
  const surface = make("div", "dino-map", says, points, over, empty, card);
  const tools = make("div", "dino-map-tools");
  const legend = make("div", "dino-map-legend");
  const note = make("p", "dino-map-note", { role: "status" });
  const said = make("p", "dino-map-said", { role: "status", "aria-live": "polite" });
  const box = make("div", "dino-atlas", {}, surface, tools, legend, note, said);
  return { box, points, over, empty, card, surface, tools, legend, note, said };
}

function firstState() {
  return {
    token: "",
    from: null, // places Float32Array [x, y, ...] that points come from, and those they go to
    to: null,
    share: 1,
    started: 0,
    index: null,
    levels: null, // Uint8Array, a colour of `hex` each
    hex: [],
    legend: [],
    scale: null,
    alone: null, // the level that is looked at alone
    hover: -1,
    picked: -1,
    line: [],
    lasso: false,
  };
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function reduced() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

const COMING = "No map yet. It appears here once its points are computed; how far that is stands above.";
const ASIDE = "No point is in sight here. “All” below shows the whole map again.";

export function mount({ element, props, trigger, watch, server }) {
  const parts = buildParts();
  const { box, surface, empty } = parts;
  element.replaceChildren(box);
  const camera = createCamera(surface);
  const state = firstState();
  let due = 0;
  const thumbnails = createThumbnails(fetchSome, () => {
    hand.fillCard();
    draw();
  });
  const painter = createPainter(parts.points, lostCard);
  const map = { ...parts, camera, state, thumbnails, painter, draw };
  const hand = answerHand(map, trigger);

  function fetchSome(ids) {
    if (props.inline) return Promise.resolve(Object.fromEntries(ids.map((id) => [id, props.inline[id]])));
    return server.about({ token: state.token, ids });
  }

  function lostCard() {
    map.painter = createFlatPainter(map.painter.canvas);
    box.dataset.painter = map.painter.kind;
    loadPoints();
  }

  function newPlaces() {
    const sent = props.places;
    if (!sent?.data) return clear();
    const to = new Float32Array(bytesOf(sent.data).buffer);
    const same = sent.token === state.token && state.to && state.to.length === to.length;
    if (same && to.every((value, i) => value === state.to[i])) return newColours(); // what is zoomed in on stays
    state.from = same ? mixedPlaces(state.from, state.to, eased(state)) : to;
    state.to = to;
    state.started = same && !reduced() ? performance.now() : -Infinity;
    if (!same) {
      Object.assign(state, { token: sent.token, hover: -1, picked: -1, alone: null });
      thumbnails.forget();
    }
    state.index = indexPlaces(to);
    camera.measure();
    camera.fit(state.index.bounds);
    surface.setAttribute("aria-description", sent.caption || "");
    return newColours();
  }

  function clear() {
    Object.assign(state, { from: null, to: null, levels: null, index: null, legend: [], hover: -1, picked: -1 });
    newColours();
  }

  function newColours() {
    const sent = props.colours;
    const fits = sent?.data && state.to && sent.token === state.token;
    state.levels = fits ? bytesOf(sent.data) : new Uint8Array(state.to ? state.to.length / 2 : 0);
    state.hex = fits ? sent.table : Array(256).fill("#0072b2");
    state.legend = fits ? sent.legend : [];
    state.scale = fits ? sent.scale : null;
    state.alone = null;
    loadPoints();
    drawLegend();
  }

  // Colours as the painter takes them; what is not looked at is faint.
  function loadPoints() {
    const table = new Uint8Array(1024);
    state.hex.forEach((hex, level) => {
      const faint = state.alone !== null && state.alone !== level;
      table.set([1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)), 4 * level);
      table[4 * level + 3] = faint ? 26 : 235;
    });
    const none = new Float32Array(0);
    map.painter.load(state.from ?? none, state.to ?? none, state.to ? state.levels : new Uint8Array(0), table);
    draw();
  }

  function draw() {
    if (!due) due = requestAnimationFrame(paint);
  }

  function paint() {
    due = 0;
    if (!box.isConnected || !surface.getClientRects().length) return;
    drawMap(map);
    sayEmpty();
    if (state.share < 1) draw();
  }

  // A map without a point says why.
  function sayEmpty() {
    const aside = state.to && state.share === 1 && state.index.visible(...camera.window(), 0)?.length === 0;
    empty.hidden = Boolean(state.to) && !aside;
    empty.textContent = aside ? ASIDE : props.empty || COMING;
  }

  function drawLegend() {
    parts.legend.replaceChildren();
    if (state.scale) {
      const bar = make("span", "dino-map-scale");
      bar.style.background = `linear-gradient(to right, ${state.hex.filter((_, i) => i % 17 === 0).join(", ")})`;
      parts.legend.append(state.scale[0], bar, state.scale[1]);
    }
    parts.legend.append(...state.legend.map(legendEntry));
  }

  function legendEntry(entry) {
    const swatch = entry.uri ? make("img", "", { src: entry.uri, alt: "" }) : make("i");
    swatch.style.setProperty("--swatch", entry.colour);
    const says = { type: "button", title: "Show these alone", "aria-pressed": String(state.alone === entry.level) };
    const button = make("button", "", says, swatch, `${entry.name} · ${entry.count.toLocaleString("en")}`);
    button.addEventListener("click", () => {
      state.alone = state.alone === entry.level ? null : entry.level;
      loadPoints();
      drawLegend();
    });
    return button;
  }

  function note() {
    parts.note.textContent = props.note || "";
    draw();
  }

  function resized() {
    if (!surface.getClientRects().length) return;
    const before = camera.width / Math.max(camera.height, 1);
    camera.measure();
    const turned = Math.abs(before - camera.width / camera.height) > 0.01;
    if (state.index && (camera.whole <= 1e-3 || turned)) camera.fit(state.index.bounds);
    draw();
  }

  new ResizeObserver(resized).observe(surface);
  new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] }); // light or dark
  watch("places", newPlaces);
  watch("colours", newColours);
  watch(["note", "empty"], note);
  box.dataset.painter = painter.kind;
  newPlaces();
  note();
}
