// The map: points that become pictures as one nears them, hovered, clicked, drawn round.
//
// Props: `places` {token, data (base64 float32 [n, 2]), caption}, `colours` {token, data (base64 uint8 [n]), table
// (256 colours #rrggbb), legend: [{level, colour, name, count, medoid, uri}], scale}, `note`, `empty`; `inline`, what is
// known of each point by id, for a map without a server; `lit` {token, data (base64, a bit for each point, set where
// it is not dimmed)} or {}, `chosen` the same for chosen points; `near` {token, id, name, label, date, uri, items: [{id, name, cosine, uri}]} or {}.
// Events: "select" {token, id}, "submit" {token, id} (open it), "like" {token, id}, "input" {token, ids} (chosen).

import { make } from "../page/elements.js";
import { createCamera } from "./camera.js";
import { drawMap, eased, hasBit, isLeft } from "./drawing.js";
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
  const stage = make("div", "dino-map-stage", {}, surface);
  const tools = make("div", "dino-map-tools");
  const legend = make("div", "dino-map-legend");
  const note = make("p", "dino-map-note", { role: "status" });
  const said = make("p", "dino-map-said", { role: "status", "aria-live": "polite" });
  const box = make("div", "dino-atlas", {}, stage, tools, legend, note, said);
  return { box, stage, points, over, empty, card, surface, tools, legend, note, said };
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
    lit: null, // Uint8Array, a bit for each point that a filter leaves; null where there is no filter
    chosen: [], // ids of chosen points, which have rings while they are few
    near: null, // the clicked point and those most alike to it
    hover: -1,
    picked: -1,
    line: [],
    lasso: false,
  };
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

const FULL = 235; // of 255, how opaque points are
const FAINT = 26;

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
  const hand = answerHand(map, props, trigger);

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
      hand.showNear();
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
    hand.showNear();
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
    newLit();
  }

  function newLit() {
    state.lit = bitsOf(props.lit);
    loadPoints();
    drawLegend();
    newChosen();
  }

  function newChosen() {
    const bits = bitsOf(props.chosen);
    state.chosen = bits ? [...state.levels.keys()].filter((id) => hasBit(bits, id)) : [];
    draw();
  }

  // The bits that were sent, where they are of these points.
  function bitsOf(sent) {
    return sent?.data && state.to && sent.token === state.token ? bytesOf(sent.data) : null;
  }

  // Colours as the painter takes them; what is not looked at is faint: so are all colours of the table's second half.
  function loadPoints() {
    const table = new Uint8Array(2048);
    state.hex.forEach((hex, level) => {
      const faint = state.alone !== null && state.alone !== level;
      const colour = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
      table.set([...colour, faint ? FAINT : FULL], 4 * level);
      table.set([...colour, FAINT], 4 * (256 + level));
    });
    const none = new Float32Array(0);
    const levels = Uint16Array.from(state.to ? state.levels : [], (level, id) => level + (isLeft(state, id) ? 0 : 256));
    map.painter.load(state.from ?? none, state.to ?? none, levels, table);
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
    const left = new Uint32Array(256);
    state.levels?.forEach((level, id) => (left[level] += isLeft(state, id) ? 1 : 0));
    parts.legend.append(...state.legend.map((entry) => legendEntry(entry, left[entry.level])));
  }

  function legendEntry(entry, left) {
    const swatch = entry.uri ? make("img", "", { src: entry.uri, alt: "" }) : make("i");
    swatch.style.setProperty("--swatch", entry.colour);
    const says = { type: "button", title: "Show these alone", "aria-pressed": String(state.alone === entry.level) };
    const some = left < entry.count && state.lit ? `${left.toLocaleString("en")} of ` : "";
    const button = make("button", "", says, swatch, `${entry.name} · ${some}${entry.count.toLocaleString("en")}`);
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
  watch("lit", newLit);
  watch("chosen", newChosen);
  watch("near", hand.showNear);
  watch(["note", "empty"], note);
  box.dataset.painter = painter.kind;
  newPlaces();
  note();
}
