// The tray: thumbnails that are buttons, kept by id so that an update neither flickers nor loses the focus.
// Called by Gradio with `element`, `props`, `trigger` and `watch` in scope.

const MOST_SELECTED = 8;

const list = document.createElement("ul");
list.className = "dino-tray";
list.setAttribute("aria-label", "Your pictures");
const count = document.createElement("p");
count.className = "dino-count";
count.setAttribute("role", "status");
element.replaceChildren(list, count);

const entries = new Map(); // id -> {id, row, pick, picture, name, remove}

function buildEntry(id) {
  const row = document.createElement("li");
  const pick = document.createElement("button");
  pick.type = "button";
  pick.className = "dino-pick";
  const picture = document.createElement("img");
  picture.draggable = false;
  pick.append(picture);
  const name = document.createElement("span");
  name.className = "dino-label";
  name.setAttribute("aria-hidden", "true"); // the picture's alternative text says it already
  pick.append(name);
  const remove = document.createElement("button");
  remove.type = "button";
  remove.className = "dino-remove";
  remove.textContent = "×";
  row.append(pick, remove);
  pick.addEventListener("click", () => toggle(entries.get(id)));
  pick.addEventListener("keydown", (event) => {
    if (event.key === "Delete") leave(entries.get(id));
  });
  remove.addEventListener("click", () => leave(entries.get(id)));
  return { id, row, pick, picture, name, remove };
}

function isPressed(entry) {
  return entry.pick.getAttribute("aria-pressed") === "true";
}

// Shown at once, before Python has answered; what it answers is what stays.
function toggle(entry) {
  const selected = !isPressed(entry);
  if (selected && [...entries.values()].filter(isPressed).length >= MOST_SELECTED) {
    say(`${MOST_SELECTED} pictures are shown together at most: click a selected one first to take it out.`, true);
    return;
  }
  entry.pick.setAttribute("aria-pressed", String(selected));
  say(summary());
  trigger("select", { id: entry.id, selected });
}

function leave(entry) {
  const next = entry.row.nextElementSibling || entry.row.previousElementSibling;
  next?.querySelector(".dino-pick").focus();
  entry.row.classList.add("dino-leaving");
  trigger("delete", { id: entry.id });
}

function summary() {
  const all = entries.size;
  if (!all) return "No pictures yet.";
  const selected = [...entries.values()].filter(isPressed).length;
  return `${selected} of ${all} selected`;
}

function say(text, refused = false) {
  count.textContent = text;
  count.classList.toggle("dino-refused", refused);
}

function draw() {
  const items = props.items || [];
  const ids = new Set(items.map((item) => item.id));
  for (const [id, entry] of entries) {
    if (ids.has(id)) continue;
    entry.row.remove();
    entries.delete(id);
  }
  items.forEach((item, place) => {
    if (!entries.has(item.id)) entries.set(item.id, buildEntry(item.id));
    const entry = entries.get(item.id);
    if (entry.picture.getAttribute("src") !== item.thumb) entry.picture.src = item.thumb;
    entry.picture.alt = item.name;
    entry.name.textContent = item.name;
    entry.pick.title = item.name;
    entry.pick.setAttribute("aria-pressed", String(Boolean(item.selected)));
    entry.remove.setAttribute("aria-label", `Remove ${item.name}`);
    entry.remove.title = `Remove ${item.name}`;
    entry.row.classList.remove("dino-leaving");
    if (list.children[place] !== entry.row) list.insertBefore(entry.row, list.children[place] || null);
  });
  say(summary());
}

watch("items", draw);
draw();
