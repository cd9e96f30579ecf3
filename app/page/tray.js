// The tray: thumbnails that are buttons, kept by id so that an update neither flickers nor loses the focus.

import { make, makeButton } from "./elements.js";

const MOST_SELECTED = 8;

// -> {id, row, pick, picture, name, remove}; `picked` and `left` are called with it.
function buildEntry(id, picked, left) {
  const picture = make("img");
  picture.draggable = false;
  const name = make("span", "dino-label", { "aria-hidden": "true" }); // the picture's alternative text says it already
  const pick = makeButton("dino-pick", "", () => picked(entry));
  pick.append(picture, name);
  pick.addEventListener("keydown", (event) => {
    if (event.key === "Delete") left(entry);
  });
  const remove = makeButton("dino-remove", "×", () => left(entry));
  const entry = { id, row: make("li", "", {}, pick, remove), pick, picture, name, remove };
  return entry;
}

function fillEntry(entry, item) {
  if (entry.picture.getAttribute("src") !== item.thumb) entry.picture.src = item.thumb;
  entry.picture.alt = item.name;
  entry.name.textContent = item.name;
  entry.pick.title = item.name;
  entry.pick.setAttribute("aria-pressed", String(Boolean(item.selected)));
  entry.remove.setAttribute("aria-label", `Remove ${item.name}`);
  entry.remove.title = `Remove ${item.name}`;
  entry.row.classList.remove("dino-leaving");
}

function isPressed(entry) {
  return entry.pick.getAttribute("aria-pressed") === "true";
}

export function mount({ element, props, trigger, watch }) {
  const list = make("ul", "dino-tray", { "aria-label": "Your pictures" });
  const count = make("p", "dino-count", { role: "status" });
  element.replaceChildren(list, count);
  const entries = new Map(); // by id

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
      if (!entries.has(item.id)) entries.set(item.id, buildEntry(item.id, toggle, leave));
      const entry = entries.get(item.id);
      fillEntry(entry, item);
      if (list.children[place] !== entry.row) list.insertBefore(entry.row, list.children[place] || null);
    });
    say(summary());
  }

  watch("items", draw);
  draw();
}
