// The patches most like the held question, cut out of their pictures: a strip below the stage.

import { make, makeButton } from "../page/elements.js";
import { CROP, cutOut } from "../page/patch.js";
import { shownCosine } from "../page/picture.js";
import { nearestPatches } from "../page/similarity.js";

const COUNT = 8;

// -> {strip, show}. `show(state, question, found)` takes the answers to what is held, or null where nothing is.
export function buildNearest() {
  const list = make("ol", "dino-crops");
  const title = "Most similar patches";
  const strip = make("section", "dino-nearest", { "aria-label": title, hidden: "" }, make("p", "", {}, title), list);
  let shown = {};

  function show(state, question, found) {
    const marks = found ? question.held : [];
    strip.hidden = !marks.length;
    const { features, pictures } = state;
    if (marks === shown.marks && features === shown.features && pictures === shown.pictures) return;
    shown = { marks, features, pictures };
    const best = marks.length ? nearestPatches(found, marks, COUNT) : [];
    const known = new Map(pictures.map((picture) => [picture.info.id, picture]));
    list.replaceChildren(...best.map((patch) => make("li", "", {}, cropButton(known.get(patch.picture), patch, question))));
  }

  return { strip, show };
}

function cropButton(picture, patch, question) {
  const { info, frame, figure } = picture;
  const crop = make("canvas", "dino-crop", { width: CROP, height: CROP, "aria-hidden": "true" });
  cutOut(crop.getContext("2d"), picture, patch);
  const cosine = shownCosine(patch.cosine);
  const button = makeButton("dino-crop-button", crop, () => {
    figure.scrollIntoView({ block: "nearest", behavior: "smooth" });
    frame.focus({ preventScroll: true });
    question.point(info, patch.row, patch.col);
  });
  button.append(make("span", "dino-crop-cosine", {}, cosine), make("span", "dino-crop-name", {}, info.name));
  const label = `Cosine ${cosine}: ${info.name}, row ${patch.row + 1}, column ${patch.col + 1}`;
  button.setAttribute("aria-label", `${label}. Go to it.`);
  button.title = label;
  button.addEventListener("pointerenter", () => question.point(info, patch.row, patch.col));
  button.addEventListener("pointerleave", () => question.point(null));
  return button;
}
