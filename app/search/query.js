// What is asked with: one picture, as a whole, a box or a part of it; and others beside it, for or against.

import { make, makeButton } from "../page/elements.js";
import { placeOver, shareAt } from "../page/picture.js";

const LEAST_BOX = 0.03; // share of a side; a smaller drag is a click
const STEP = 1 / 16;
const WHOLE = { box: null, point: null };

// `told`: {like(entry), add(entry, against), put(entry, part, adds), show()}.
function buildEntry(id, told) {
  const image = make("img");
  image.draggable = false;
  const mark = make("span", "dino-query-mark", { hidden: "" });
  const frame = make("div", "dino-query-frame", { tabindex: "0", role: "application" }, image, mark);
  const like = makeButton("dino-button", "like", () => told.like(entry));
  const plus = makeButton("dino-button", "and", () => told.add(entry, false));
  const minus = makeButton("dino-button", "not", () => told.add(entry, true));
  const whole = makeButton("dino-button", "whole", () => told.put(entry, WHOLE, true));
  const row = make("li", "", {}, frame, make("div", "dino-query-tools", {}, like, plus, minus, whole));
  const entry = { id, row, frame, image, mark, cursor: [0.5, 0.5], like, plus, minus, whole };
  listen(entry, told);
  return entry;
}

// Of a question's part, the entry that it is of.
function idOf(one) {
  return one.record === null || one.record === undefined ? one.picture : `${one.collection}/${one.record}`;
}

function fillEntry(entry, picture) {
  entry.of = { picture: picture.picture, record: picture.record, collection: picture.collection };
  if (entry.image.getAttribute("src") !== picture.uri) entry.image.src = picture.uri;
  entry.image.alt = picture.name;
  entry.frame.setAttribute(
    "aria-label", `${picture.name}: drag a box or click a part; arrow keys and Enter choose a part, Escape the whole`,
  );
  const words = [
    [entry.like, `Ask for pictures like ${picture.name} and nothing else`],
    [entry.plus, `And like ${picture.name}`],
    [entry.minus, `But unlike ${picture.name}`],
    [entry.whole, `The whole of ${picture.name}`],
  ];
  for (const [button, text] of words) {
    button.setAttribute("aria-label", text);
    button.title = text;
  }
}

function boxOf(one, other) {
  return [Math.min(one[0], other[0]), Math.min(one[1], other[1]), Math.max(one[0], other[0]), Math.max(one[1], other[1])];
}

// What a pointer and keys choose of a picture.
function listen(entry, told) {
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
    told.put(entry, drawn ? { box, point: null } : { box: null, point: shareAt(frame, event) }, event.shiftKey);
    start = null;
  });
  frame.addEventListener("pointercancel", () => {
    start = null;
    told.show();
  });
  const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  frame.addEventListener("keydown", (event) => {
    if (moves[event.key]) {
      entry.cursor = entry.cursor.map((value, i) => Math.min(Math.max(value + moves[event.key][i], 0), 1));
      drawMark(entry, { point: entry.cursor });
    } else if (event.key === "Enter") told.put(entry, { box: null, point: [...entry.cursor] }, event.shiftKey);
    else if (event.key === "Escape" && !entry.whole.disabled) told.put(entry, WHOLE, true);
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

function showEntry(entry, now, others) {
  const isFor = Boolean(now && !now.against);
  entry.row.classList.toggle("dino-for", isFor);
  entry.row.classList.toggle("dino-against", Boolean(now?.against));
  entry.like.setAttribute("aria-pressed", String(isFor && !others.length));
  entry.plus.setAttribute("aria-pressed", String(isFor));
  entry.minus.setAttribute("aria-pressed", String(Boolean(now?.against)));
  const beside = others.some((one) => !one.against);
  entry.plus.disabled = !beside;
  entry.minus.disabled = !beside && !now?.against;
  entry.whole.disabled = !(now?.box || now?.point);
  drawMark(entry, now);
}

export function mount({ element, props, trigger, watch }) {
  const list = make("ul", "dino-query", { "aria-label": "What to search with" });
  const empty = make("p", "dino-query-empty", {}, "Select a picture in the tray to search with it.");
  const finger = matchMedia("(hover: none)").matches;
  const hint = make("p", "dino-query-hint", {}, finger
    ? "Tap a part, or draw a box, to ask for it. “and” and “not” add a picture to the question."
    : "Click a part, or draw a box, to ask for it; with Shift held, it is added to the question.");
  element.replaceChildren(list, hint, empty);
  const entries = new Map(); // by id
  let asked = []; // {picture, against, box, point, record, collection}

  const partOf = (id) => asked.find((one) => idOf(one) === id);
  const others = (id) => asked.filter((one) => idOf(one) !== id);

  // Press what is asked already, and nothing is asked any more.
  function like(entry) {
    const now = partOf(entry.id);
    const alone = now && !now.against && !others(entry.id).length;
    tell(alone ? [] : [{ ...WHOLE, ...entry.of, against: false }]);
  }

  function add(entry, against) {
    const now = partOf(entry.id);
    const off = now && Boolean(now.against) === against;
    tell(off ? others(entry.id) : [...others(entry.id), { ...WHOLE, ...now, ...entry.of, against }]);
  }

  // A part of a picture that is asked with already takes the place of what was asked of it; of another, of everything.
  function put(entry, part, adds) {
    const now = partOf(entry.id);
    const next = { ...entry.of, against: false, ...now, ...part };
    tell(now || adds ? [...others(entry.id), next] : [next]);
  }

  function tell(next) {
    asked = next;
    show();
    trigger("submit", { asked });
  }

  function show() {
    for (const entry of entries.values()) showEntry(entry, partOf(entry.id), others(entry.id));
  }

  function draw() {
    const query = props.query || {};
    const pictures = query.pictures || [];
    asked = (query.asked || []).map((one) => ({ ...one }));
    const rows = pictures.map((picture) => {
      if (!entries.has(picture.id)) entries.set(picture.id, buildEntry(picture.id, { like, add, put, show }));
      fillEntry(entries.get(picture.id), picture);
      return entries.get(picture.id).row;
    });
    for (const id of entries.keys()) if (!pictures.some((picture) => picture.id === id)) entries.delete(id);
    list.replaceChildren(...rows);
    empty.hidden = rows.length > 0;
    hint.hidden = !rows.length;
    show();
  }

  watch("query", draw);
  draw();
}
