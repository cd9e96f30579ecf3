// One result by itself, with everything that can be done with it; arrow keys lead to its neighbours.

import { make, makeButton } from "../page/elements.js";

// -> {dialog, open(items, item)}. `told`: {ask(id, how), take(id)}.
export function buildEnlarged(told) {
  let items = [];
  let place = 0;
  const image = make("img");
  const name = make("p", "dino-enlarged-name");
  const facts = make("p", "dino-hint");
  const back = makeButton("dino-button", "Previous", () => step(-1));
  const on = makeButton("dino-button", "Next", () => step(1));
  const close = makeButton("dino-button", "Close", () => dialog.close());
  const asks = [
    ["More like this", "only"],
    ["And like this", "and"],
    ["But unlike this", "not"],
  ].map(([text, how]) => makeButton("dino-button", text, () => leave(() => told.ask(items[place].id, how))));
  const take = makeButton("dino-button", "To the tray", () => leave(() => told.take(items[place].id)));
  const tools = make("div", "dino-enlarged-tools", {}, ...asks, take, make("span", "dino-space"), back, on, close);
  const dialog = make("dialog", "dino-enlarged", { "aria-label": "Enlarged result" }, image, name, facts, tools);

  function leave(act) {
    dialog.close();
    act();
  }

  function step(by) {
    place = Math.min(Math.max(place + by, 0), items.length - 1);
    show();
  }

  function show() {
    const item = items[place];
    Object.assign(image, { src: item.uri, alt: item.name });
    image.style.aspectRatio = `${item.width} / ${item.height}`;
    name.textContent = item.name;
    const said = [
      item.score === undefined ? "" : `cosine ${item.score.toFixed(3)}`,
      item.label && `label ${item.label}`,
      item.tags.length ? `tags ${item.tags.join(", ")}` : "",
      `${item.width} × ${item.height} pixels; this is the small copy that the collection keeps`,
    ];
    facts.textContent = said.filter(Boolean).join(" · ");
    back.disabled = place === 0;
    on.disabled = place === items.length - 1;
  }

  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });

  function open(given, item) {
    items = given;
    place = items.indexOf(item);
    show();
    dialog.showModal();
  }

  return { dialog, open };
}
