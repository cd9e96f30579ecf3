// What is asked with: each selected picture can be for, against, or left out; as a whole, as a box, or as a part.
// Gradio runs it with `element`, `props`, `trigger` and `watch` in scope.

const list = document.createElement("ul");
list.className = "dino-query";
list.setAttribute("aria-label", "What to search with");
const empty = document.createElement("p");
empty.className = "dino-query-empty";
empty.textContent = "Select a picture in the tray to search with it.";
element.replaceChildren(list, empty);

const LEAST_BOX = 0.03; // share of a side; a smaller drag is a click
const STEP = 1 / 16;
const entries = new Map(); // id -> {row, frame, image, mark, ...}
let asked = new Map(); // id -> {picture, against, box, point}

function build(id) {
  const row = document.createElement("li");
  const frame = document.createElement("div");
  frame.className = "dino-query-frame";
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  const image = document.createElement("img");
  image.draggable = false;
  const mark = document.createElement("span");
  mark.className = "dino-query-mark";
  mark.hidden = true;
  frame.append(image, mark);
  const tools = document.createElement("div");
  tools.className = "dino-query-tools";
  const entry = { id, row, frame, image, mark, cursor: [0.5, 0.5] };
  entry.plus = button("+", () => choose(entry, false));
  entry.minus = button("−", () => choose(entry, true));
  entry.whole = button("whole", () => put(entry, { box: null, point: null }));
  tools.append(entry.plus, entry.minus, entry.whole);
  row.append(frame, tools);
  listen(entry);
  return entry;
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "dino-button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
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

function placeOn(frame, event) {
  const area = frame.getBoundingClientRect();
  const share = (value) => Math.min(Math.max(value, 0), 1);
  return [share((event.clientX - area.left) / area.width), share((event.clientY - area.top) / area.height)];
}

function boxOf(one, other) {
  return [Math.min(one[0], other[0]), Math.min(one[1], other[1]), Math.max(one[0], other[0]), Math.max(one[1], other[1])];
}

function listen(entry) {
  const { frame } = entry;
  let start = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    start = placeOn(frame, event);
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (start) drawMark(entry, { box: boxOf(start, placeOn(frame, event)) });
  });
  frame.addEventListener("pointerup", (event) => {
    if (!start) return;
    const box = boxOf(start, placeOn(frame, event));
    const drawn = box[2] - box[0] > LEAST_BOX && box[3] - box[1] > LEAST_BOX;
    put(entry, drawn ? { box, point: null } : { box: null, point: placeOn(frame, event) });
    start = null;
  });
  frame.addEventListener("pointercancel", () => {
    start = null;
    show();
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
  const [left, top, right, bottom] = part?.box || [...(part?.point || [0, 0]), ...(part?.point || [0, 0])];
  Object.assign(mark.style, {
    left: `${100 * left}%`,
    top: `${100 * top}%`,
    width: `${100 * (right - left)}%`,
    height: `${100 * (bottom - top)}%`,
  });
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
    if (!entries.has(picture.id)) entries.set(picture.id, build(picture.id));
    const entry = entries.get(picture.id);
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
    return entry.row;
  });
  for (const id of [...entries.keys()]) if (!pictures.some((picture) => picture.id === id)) entries.delete(id);
  list.replaceChildren(...rows);
  empty.hidden = rows.length > 0;
  show();
}

watch("query", draw);
draw();
