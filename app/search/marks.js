// Which results are marked: one by one, a row of them with Shift held, all, none, a group, or all but one of each group.

import { make, makeButton } from "../page/elements.js";

// -> {tools, boxOf(item), ofGroup(group), show(groups)}; `changed(ids)` is called with all that are marked.
export function buildMarks(changed) {
  let boxes = new Map(); // id -> its box
  let groups = [];
  let picked = new Set();
  let last = null; // marked or unmarked last, where a row begins

  const all = makeButton("dino-button", "Mark all", () => set(ids()));
  const none = makeButton("dino-button", "Mark none", () => set([]));
  const spare = makeButton("dino-button", "Mark all but one of each group", () =>
    set(groups.flatMap((group) => group.items.slice(1).map((item) => item.id))));
  const tools = make("span", "dino-results-marks", { role: "group", "aria-label": "Marks" }, all, none, spare);
  if (matchMedia("(hover: hover)").matches) all.title = "Click one box and, with Shift held, another: all between them are marked";

  const ids = () => groups.flatMap((group) => group.items.map((item) => item.id));

  function set(marked) {
    picked = new Set(marked);
    for (const [id, box] of boxes) box.checked = picked.has(id);
    none.disabled = !picked.size;
    changed([...picked]);
  }

  function between(one, other) {
    const order = ids();
    const [from, to] = [order.indexOf(one), order.indexOf(other)].sort((a, b) => a - b);
    return from < 0 ? [other] : order.slice(from, to + 1);
  }

  function boxOf(item) {
    const box = make("input", "", { type: "checkbox", "aria-label": `Mark ${item.name}` });
    box.checked = picked.has(item.id);
    box.addEventListener("click", (event) => {
      const next = new Set(picked);
      for (const id of event.shiftKey ? between(last, item.id) : [item.id]) next[box.checked ? "add" : "delete"](id);
      last = item.id;
      set(next);
    });
    boxes.set(item.id, box);
    return box;
  }

  // A button that marks one group beside what is marked already.
  function ofGroup(group) {
    const button = makeButton("dino-button", "Mark this group", () =>
      set(new Set([...picked, ...group.items.map((item) => item.id)])));
    button.setAttribute("aria-label", `Mark this group: ${group.title}`);
    return button;
  }

  // New results: what was marked among others is forgotten, as the server forgets it.
  function show(given) {
    groups = given;
    boxes = new Map();
    picked = new Set();
    last = null;
    none.disabled = true;
    spare.hidden = !given.some((group) => group.spare);
  }

  return { tools, boxOf, ofGroup, show };
}
