// The stage of the Match tab: pictures, lines between them, points that are followed, parts that are drawn around.

import { byFinger, make, outsideOf, shape } from "../page/elements.js";
import { decodedImage, decodedLayer, showPixels } from "../page/layers.js";
import { CAPTION, GAP } from "../page/layout.js";
import { buildFrame, placeOver, shownCosine } from "../page/picture.js";
import { createQuestion } from "../page/question.js";
import { decodeFeatures } from "../page/similarity.js";
import { besideReference } from "./beside.js";
import { carriedPlaces } from "./carry.js";
import { followShapes, matchShapes, outlineShapes } from "./lines.js";
import { createOutline } from "./outline.js";

const SMALL = 220; // px: in the line below a picture of less the name would have no room
const SPEECH_MS = 250; // after the last change

function buildTools() {
  const draw = make("button", "dino-button dino-switch", { type: "button", "aria-pressed": "false" }, "Draw a region");
  const clear = make("button", "dino-button", { type: "button" }, "Clear");
  const hint = make("span", "dino-hint");
  return { bar: make("div", "dino-toolbar", {}, draw, clear, hint), draw, clear, hint };
}

function buildMatched(info, image) {
  const { frame, marks } = buildFrame(info, image);
  const layer = make("canvas", "dino-view", { "aria-hidden": "true", hidden: "" });
  placeOver(layer, info.covered);
  frame.insertBefore(layer, marks);
  const says = `${info.name}. Arrow keys move over the patches, Enter follows one into the others, Escape forgets it.`;
  const roles = { tabindex: "0", role: "application", "aria-roledescription": "picture", "aria-label": says };
  for (const [name, value] of Object.entries(roles)) frame.setAttribute(name, value);
  const name = make("span", "dino-name", { title: info.name });
  name.textContent = info.name;
  const lead = make("button", "dino-button dino-lead", { type: "button" });
  const figure = make("figure", "dino-picture", {}, frame, make("figcaption", "", {}, name, lead));
  return { info, figure, frame, frames: [frame], layer, lead };
}

function sayLead(lead, info, leads, small) {
  lead.disabled = leads;
  lead.textContent = leads ? "Reference" : small ? "Ref." : "Make reference";
  const says = leads ? `${info.name} is the reference` : `Make ${info.name} the reference`;
  lead.setAttribute("aria-label", says);
  lead.title = says;
}

async function decodedLayers({ layers = {} }, of) {
  const decoded = await Promise.all(
    [...of].map(async ([id]) => [id, layers[id] ? (await decodedLayer(layers[id])).pixels : null]),
  );
  return new Map(decoded);
}

function showLayer(picture, pixels) {
  picture.layer.hidden = !pixels;
  if (pixels) showPixels(picture.layer, pixels);
}

function whatIsLacking(count) {
  const [title, words] =
    count === 1
      ? ["Select a second picture", "One is selected: click another in the tray, and what they share is joined by lines."]
      : ["Select two pictures", "Click two to six pictures in the tray, open an example above, or drop your own here."];
  return [make("p", "dino-title", {}, title), make("p", "", {}, words)];
}

// Where a followed point is found, for those who do not see the rings.
function followedInWords(last, pictures) {
  if (!last) return "No point is followed.";
  const found = [...last.places].map(([id, { row, col, cosine, returns }]) => {
    const way = returns ? "" : ", does not lead back";
    return `${pictures.get(id).info.name} row ${row + 1}, column ${col + 1}, ${shownCosine(cosine)}${way}`;
  });
  return `Row ${last.mark.row + 1}, column ${last.mark.col + 1}. ${found.join("; ")}.`;
}

// Height for the pictures such that stage and reading fit in the window, where that leaves enough of it.
function roomBelow(board) {
  const above = board.getBoundingClientRect().top + window.scrollY;
  return Math.min(Math.max(window.innerHeight - above - 120, window.innerHeight * 0.6), window.innerHeight * 0.85);
}

export function mount({ element, props, trigger, watch }) {
  const tools = buildTools();
  const board = make("div", "dino-board");
  const [all, followed, drawing] = [shape("g", { class: "dino-all" }), shape("g"), shape("g")];
  const over = shape("svg", { class: "dino-over", "aria-hidden": "true" }, all, followed, drawing);
  const text = make("span", "dino-text");
  const spoken = make("span", "dino-spoken", { role: "status", "aria-live": "polite" });
  const empty = make("div", "dino-empty");
  const children = [tools.bar, board, make("div", "dino-reading", {}, text, spoken), empty];
  const stage = make("section", "dino-stage dino-matching", { "aria-label": "Matched pictures" }, ...children);
  element.replaceChildren(stage);

  let pictures = new Map(); // id -> what buildMatched gives, in order
  let boxes = new Map(); // id -> {left, top, width, height} on the board
  let features = null;
  let matches = {};
  let current = {}; // the props as drawn
  let syncs = 0;
  let frame = 0;
  let speakTimer = 0;

  const question = createQuestion((kind) => {
    schedule();
    if (kind !== "hover") speakSoon();
  });
  const outline = createOutline((drawn) => trigger("submit", drawn), schedule);

  // Take over whatever props changed. Everything is decoded first and then replaced at once: no flicker, no gap.
  async function sync() {
    const mine = ++syncs;
    const next = { pictures: props.pictures?.pictures || [], features: props.features, matches: props.matches || {} };
    stage.classList.toggle("dino-busy", Boolean(props.busy));
    const now = Object.fromEntries(Object.entries(next).map(([name, value]) => [name, JSON.stringify(value)]));
    const changed = (name) => now[name] !== current[name];
    const renewed = changed("pictures") ? await renewedPictures(next.pictures) : pictures;
    const layers = changed("matches") || changed("pictures") ? await decodedLayers(next.matches, renewed) : null;
    if (mine !== syncs) return; // something newer came meanwhile
    if (changed("features")) features = decodeFeatures(next.features);
    if (changed("pictures")) {
      pictures = renewed;
      board.replaceChildren(...[...pictures.values()].map((picture) => picture.figure), over);
      question.renew([...pictures.values()]);
    }
    matches = next.matches;
    outline.renew(matches.region, pictures);
    layers?.forEach((pixels, id) => showLayer(pictures.get(id), pixels));
    current = now;
    stage.classList.toggle("dino-none", "pictures" in (props.pictures || {}) && next.pictures.length < 2);
    empty.replaceChildren(...whatIsLacking(next.pictures.length));
    arrange();
  }

  async function renewedPictures(infos) {
    const made = await Promise.all(
      infos.map(async (info) => {
        const old = pictures.get(info.id);
        return old && JSON.stringify(old.info) === JSON.stringify(info) ? old : madePicture(info);
      }),
    );
    return new Map(made.map((picture) => [picture.info.id, picture]));
  }

  async function madePicture(info) {
    const picture = buildMatched(info, await decodedImage(info.uri));
    outline.listen(picture);
    picture.frame.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !outline.takeCorner(question.hover, info)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      tell();
    });
    question.listen(picture);
    picture.lead.addEventListener("click", () => trigger("select", { reference: info.id }));
    return picture;
  }

  function arrange() {
    const infos = [...pictures.values()].map((picture) => picture.info);
    if (infos.length < 2 || !board.clientWidth) return;
    const aspects = infos.map((info) => info.width / info.height);
    const reference = Math.max(infos.findIndex((info) => info.id === matches.reference), 0);
    const placed = besideReference(aspects, reference, board.clientWidth, roomBelow(board), GAP, CAPTION);
    boxes = new Map(infos.map((info, i) => [info.id, placed.boxes[i]]));
    for (const { info, figure, lead } of pictures.values()) {
      const box = boxes.get(info.id);
      Object.assign(figure.style, { left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px` });
      figure.style.setProperty("--tall", `${box.height}px`);
      sayLead(lead, info, info.id === infos[reference].id, box.width < SMALL);
    }
    board.style.height = `${placed.height}px`;
    over.setAttribute("viewBox", `0 0 ${board.clientWidth} ${placed.height}`);
    all.replaceChildren(...(matches.show === "parts" ? [] : matchShapes(matches, boxes)));
    draw();
  }

  function schedule() {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  // The points that are followed, and what is drawn around.
  function draw() {
    cancelAnimationFrame(frame);
    frame = 0;
    const found = follow();
    followed.replaceChildren(
      ...found.flatMap(({ mark, places }, i) => followShapes(mark, places, pictures, boxes, i)),
    );
    drawing.replaceChildren(...outlineShapes(outline, boxes));
    stage.classList.toggle("dino-following", found.length > 0);
    stage.classList.toggle("dino-drawing", outline.active);
    tools.draw.setAttribute("aria-pressed", String(outline.active));
    tools.clear.hidden = !question.held.length && !outline.points.length;
    tell(found);
  }

  // What is held, and what is pointed at, with their places in the other pictures.
  function follow() {
    const { held, hover } = question;
    const marks = hover && !outline.active ? [...held, hover] : held;
    if (!features) return [];
    const fits = (mark) => {
      const grid = features.grids.get(mark.picture);
      const info = pictures.get(mark.picture)?.info;
      return grid && info && grid.rows === info.rows && grid.columns === info.columns;
    };
    return marks.filter(fits).map((mark) => ({ mark, places: carriedPlaces(features, mark, matches.smoothing ?? 0) }));
  }

  function tell(found = []) {
    const keyboard = byFinger() ? "" : ", or with the keyboard press Enter at two corners";
    tools.hint.textContent = outline.active ? `Draw around a part of any picture${keyboard}.` : "";
    text.textContent = found.length
      ? "Rings: the most similar place in each picture, with its cosine. A solid line: that place leads back to where you " +
        "point; a dashed one: it leads elsewhere. " +
        (byFinger() ? "Clear forgets the point." : "Click keeps a point, Shift-click adds one, Escape forgets them.")
      : matches.caption || "";
  }

  // Only for keys and held points: a moving pointer would never stop talking.
  function speakSoon() {
    clearTimeout(speakTimer);
    speakTimer = setTimeout(() => (spoken.textContent = followedInWords(follow().pop(), pictures)), SPEECH_MS);
  }

  // Forget what is drawn first, then what is held.
  function forget() {
    if (outline.clear()) {
      trigger("clear", {});
      schedule();
    } else question.clear();
  }

  tools.draw.addEventListener("click", () => {
    outline.active = !outline.active;
    schedule();
  });
  tools.clear.addEventListener("click", () => {
    question.clear();
    if (outline.points.length) forget();
  });

  const outside = outsideOf(element);
  outside(document, "keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && stage.getClientRects().length) forget();
  });
  outside(window, "resize", arrange);
  new ResizeObserver(arrange).observe(stage);

  watch(["pictures", "features", "matches", "busy"], sync);
  sync();
}
