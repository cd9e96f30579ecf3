// What a point in a figure stands for: its patch in the photograph, with what is around it, and where that is.

import { make } from "./elements.js";
import { patchBox } from "./picture.js";

export const CROP = 96; // px
const AROUND = 2; // patches to each side

// -> {line, show}. `show(mark)` takes {picture, row, col}, or null where nothing is pointed at.
export function buildPatchReading() {
  const crop = make("canvas", "dino-crop", { width: CROP, height: CROP, "aria-hidden": "true" });
  const text = make("span", "dino-patch-text", { role: "status" });
  const up = make("button", "dino-button", { type: "button" }, "Show the picture");
  const line = make("div", "dino-patch", {}, crop, text, up);
  let shown = null;

  function show(mark) {
    shown = mark && window.dinoscope?.pictures?.find((picture) => picture.info.id === mark.picture);
    crop.hidden = up.hidden = !shown;
    text.textContent = shown
      ? `${shown.info.name}: row ${mark.row + 1}, column ${mark.col + 1}`
      : "Drag to turn, scroll to come nearer. Point at a patch to ask what is like it, click to hold it in its picture.";
    if (shown) cutOut(crop.getContext("2d"), shown, mark);
  }

  up.addEventListener("click", () => shown?.figure.scrollIntoView({ block: "center", behavior: "smooth" }));
  show(null);
  return { line, show };
}

// Draw a patch and what is around it, outlined, on a canvas of CROP × CROP.
export function cutOut(context, { image, info }, { row, col }) {
  const [left, top, beyond, below] = patchBox(info, row, col);
  const [wide, tall] = [(beyond - left) * image.naturalWidth, (below - top) * image.naturalHeight];
  const side = CROP / (2 * AROUND + 1);
  context.clearRect(0, 0, CROP, CROP);
  const [x, y] = [left * image.naturalWidth - AROUND * wide, top * image.naturalHeight - AROUND * tall];
  context.drawImage(image, x, y, CROP / side * wide, CROP / side * tall, 0, 0, CROP, CROP);
  context.lineWidth = 2;
  context.strokeStyle = "#fff";
  context.strokeRect(AROUND * side, AROUND * side, side, side);
  context.lineWidth = 1;
  context.strokeStyle = "#000";
  context.strokeRect(AROUND * side - 1.5, AROUND * side - 1.5, side + 3, side + 3);
}
