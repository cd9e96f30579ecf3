// One picture in every block and head, small: a click shows that one on the stage.

import { make, makeButton } from "../page/elements.js";

export function mount({ element, props, trigger, watch }) {
  const room = make("div", "dino-multiples");
  element.replaceChildren(room);

  function tile(name, kind, { number, uri, shown }) {
    const image = make("img", "", { src: uri, alt: `${name}, ${kind} ${number}` });
    image.draggable = false;
    const button = makeButton("dino-tile", image, () => trigger("select", { kind, number }));
    button.append(make("span", "", {}, `${kind} ${number}`));
    button.setAttribute("aria-pressed", String(shown));
    return button;
  }

  function draw() {
    const { name = "", groups = [] } = props.multiples || {};
    room.replaceChildren(
      ...groups.map(({ title, kind, tiles }) => {
        const grid = make("div", "dino-tiles", {}, ...tiles.map((one) => tile(name, kind, one)));
        return make("section", "", { "aria-label": title }, make("h4", "", {}, `${title}: ${name}`), grid);
      }),
    );
  }

  watch("multiples", draw);
  draw();
}
