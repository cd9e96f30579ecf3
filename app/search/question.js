// The question in words and small pictures, above its results: each part of it can be taken out.

import { make, makeButton } from "../page/elements.js";
import { placeOver } from "../page/picture.js";

function buildPart(part, takeOut) {
  const image = make("img", "", { alt: "" });
  if (part.uri) image.src = part.uri;
  const frame = make("span", "dino-question-frame", {}, image);
  if (part.box || part.point) {
    const mark = make("span", part.box ? "dino-question-box" : "dino-question-point");
    placeOver(mark, part.box || [...part.point, ...part.point]);
    frame.append(mark);
  }
  const name = make("b", "", { title: part.name }, part.name.split("/").pop());
  const words = make("span", "dino-question-words", {}, name, part.after);
  const out = makeButton("dino-button", "×", takeOut);
  out.setAttribute("aria-label", `Take ${part.name} out of the question`);
  out.title = out.getAttribute("aria-label");
  const row = make("li", part.against ? "dino-question-against" : "", {}, `${part.before} `, frame, words, out);
  return row;
}

export function mount({ element, props, trigger, watch }) {
  const parts = make("ul", "dino-question-parts", { "aria-label": "What is asked" });
  const nothing = make("p", "dino-question-none", {}, "Nothing is asked: all pictures.");
  const clear = makeButton("dino-button", "Show all pictures", () => trigger("clear", {}));
  element.replaceChildren(make("div", "dino-question", { role: "status" }, nothing, parts, clear));

  function draw() {
    const given = props.question?.parts;
    nothing.hidden = !given || given.length > 0;
    parts.hidden = clear.hidden = !given?.length;
    parts.replaceChildren(...(given || []).map((part, place) => buildPart(part, () => trigger("delete", { place }))));
  }

  watch("question", draw);
  draw();
}
