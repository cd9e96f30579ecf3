// One point by itself: its picture enlarged, those most alike to it, and what can be done with it.

import { make, makeButton } from "../page/elements.js";

// -> {panel, show(near, onLeft)}; `near` as app/map/neighbours.py makes it, or null for nothing.
// `told`: {pick(id), point(id), like(id), open(id), close()}; `point` with -1 where none is pointed at any more.
export function buildNear(told) {
  let id = -1;
  const image = make("img", "dino-near-picture");
  const name = make("p", "dino-near-name");
  const like = makeButton("dino-button", "More like this", () => told.like(id));
  like.title = "Search with it";
  const open = makeButton("dino-button", "Explore", () => told.open(id));
  open.title = "Open it in Explore";
  const close = makeButton("dino-button", "×", () => told.close());
  close.title = "Close";
  close.setAttribute("aria-label", "Close");
  const tools = make("div", "dino-near-tools", {}, like, open, close);
  const title = make("p", "dino-near-title", {}, "Most alike to the model, with their cosine");
  const list = make("ul", "dino-near-list", { "aria-label": "Most alike" });
  const panel = make("section", "dino-near", { "aria-label": "The clicked point", hidden: "" }, image, name, tools, title, list);

  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") told.close();
  });

  function neighbour(item) {
    const picture = make("img", "", { src: item.uri, alt: "" });
    const button = makeButton("dino-near-item", "", () => told.pick(item.id));
    button.append(picture, make("span", "", {}, item.cosine.toFixed(3)));
    button.title = item.name;
    button.setAttribute("aria-label", `${item.name}, cosine ${item.cosine.toFixed(3)}`);
    for (const event of ["pointerenter", "focus"]) button.addEventListener(event, () => told.point(item.id));
    for (const event of ["pointerleave", "blur"]) button.addEventListener(event, () => told.point(-1));
    return make("li", "", {}, button);
  }

  function show(near, onLeft) {
    panel.hidden = !near;
    if (!near) return;
    id = near.id;
    Object.assign(image, { src: near.uri, alt: near.name });
    name.textContent = [near.name, near.label, near.date].filter(Boolean).join(" · ");
    title.hidden = list.hidden = !near.items.length;
    list.replaceChildren(...near.items.map(neighbour));
    panel.classList.toggle("dino-near-left", onLeft);
    panel.scrollTop = 0;
  }

  return { panel, show };
}
