// What is asked with: each selected picture can be for, against, or left out; as a whole, as a box, or as a part.

import { make, makeButton } from "../page/elements.js";
import { placeOver, shareAt } from "../page/picture.js";

const LEAST_BOX = 0.03; // share of a side; a smaller drag is a click
const STEP = 1 / 16;

// -> {id, row, frame, image, mark, cursor, plus, minus, whole}; `chosen(entry, against)` and `put(entry, part)` are called.
function buildEntry(id, chosen, put) {
  const image = make("img");
  image.draggable = false;
  const mark = make("span", "dino-query-mark", { hidden: "" });
  const frame = make("div", "dino-query-frame", { tabindex: "0", role: "application" }, image, mark);
  const plus = makeButton("dino-button", "+", () => chosen(entry, false));
  const minus = makeButton("dino-button", "−", () => chosen(entry, true));
  const whole = makeButton("dino-button", "whole", () => put(entry, { box: null, point: null }));
  const row = make("li", "", {}, frame, make("div", "dino-query-tools", {}, plus, minus, whole));
  const entry = { id, row, frame, image, mark, cursor: [0.5, 0.5], plus, minus, whole };
  return entry;
}

function fillEntry(entry, picture) {
  if (entry.image.getAttribute("src") !== picture.uri) entry.image.src = picture.uri;
  entry.image.alt = picture.name;
  entry.frame.setAttribute(
    "aria-label", `${picture.name}: drag a box or click a part; arrow keys and Enter choose a part, Escape the whole`,
  );
  entry.plus.setAttribute("aria-label", `Results like ${picture.name}`);
  entry.minus.setAttribute("aria-label", `Results unlike ${picture.name}`);
  entry.whole.setAttribute("aria-label", `The whole of ${picture.name}`);
  entry.plus.title = "Results shall be like this";
  entry.minus.title = "Results shall be unlike this";
}

function boxOf(one, other) {
  return [Math.min(one[0], other[0]), Math.min(one[1], other[1]), Math.max(one[0], other[0]), Math.max(one[1], other[1])];
}

// What a pointer and keys choose of a picture; `put(entry, part)` takes it, `dropped()` undoes a drag.
function listen(entry, put, dropped) {
  const { frame } = entry;
  let start = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    start = shareAt(frame, event);
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (start) drawMark(entry, { box: boxOf(start, shareAt(frame, event)) });
  });
  frame.addEventListener("pointerup", (event) => {
    if (!start) return;
    const box = boxOf(start, shareAt(frame, event));
    const drawn = box[2] - box[0] > LEAST_BOX && box[3] - box[1] > LEAST_BOX;
    put(entry, drawn ? { box, point: null } : { box: null, point: shareAt(frame, event) });
    start = null;
  });
  frame.addEventListener("pointercancel", () => {
    start = null;
    dropped();
  });
  const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  frame.addEventListener("keydown", (event) => {
    if (moves[event.key]) {
      entry.cursor = entry.cursor.map((value, i) => Math.min(Math.max(value + moves[event.key][i], 0), 1));
      drawMark(entry, { point: entry.cursor });
    } else if (event.key === "Enter") put(entry, { box: null, point: [...entry.cursor] });
    else if (event.key === "Escape") put(entry, { box: null, point: null });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

function drawMark(entry, part) {
  const { mark } = entry;
  mark.hidden = !(part?.box || part?.point);
  mark.classList.toggle("dino-query-point", Boolean(part?.point));
  placeOver(mark, part?.box || [...(part?.point || [0, 0]), ...(part?.point || [0, 0])]);
}

export function mount({ element, props, trigger, watch }) {
  const list = make("ul", "dino-query", { "aria-label": "What to search with" });
  const empty = make("p", "dino-query-empty", {}, "Select a picture in the tray to search with it.");
  element.replaceChildren(list, empty);
  const entries = new Map(); // by id
  let asked = new Map(); // id -> {picture, against, box, point}

  function madeEntry(id) {
    const entry = buildEntry(id, choose, put);
    listen(entry, put, show);
    return entry;
  }

  // Press what is pressed already, and the picture is left out.
  function choose(entry, against) {
    const now = asked.get(entry.id);
    if (now && Boolean(now.against) === against) asked.delete(entry.id);
    else asked.set(entry.id, { box: null, point: null, ...now, picture: entry.id, against });
    tell();
  }

  function put(entry, part) {
    const now = asked.get(entry.id) || { picture: entry.id, against: false };
    asked.set(entry.id, { ...now, ...part });
    tell();
  }

  function tell() {
    show();
    trigger("submit", { asked: [...asked.values()] });
  }

  function show() {
    for (const entry of entries.values()) {
      const now = asked.get(entry.id);
      entry.row.classList.toggle("dino-for", Boolean(now && !now.against));
      entry.row.classList.toggle("dino-against", Boolean(now?.against));
      entry.plus.setAttribute("aria-pressed", String(Boolean(now && !now.against)));
      entry.minus.setAttribute("aria-pressed", String(Boolean(now?.against)));
      entry.whole.disabled = !(now?.box || now?.point);
      drawMark(entry, now);
    }
  }

  function draw() {
    const query = props.query || {};
    const pictures = query.pictures || [];
    asked = new Map((query.asked || []).map((one) => [one.picture, { ...one }]));
    const rows = pictures.map((picture) => {
      if (!entries.has(picture.id)) entries.set(picture.id, madeEntry(picture.id));
      fillEntry(entries.get(picture.id), picture);
      return entries.get(picture.id).row;
    });
    for (const id of entries.keys()) if (!pictures.some((picture) => picture.id === id)) entries.delete(id);
    list.replaceChildren(...rows);
    empty.hidden = rows.length > 0;
    show();
  }

  watch("query", draw);
  draw();
}
