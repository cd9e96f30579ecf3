// What lies over the stage's pictures: the layers of a view, or the answer to a question, and the marks of what asks.
// `state` is what the stage keeps: its pictures, features and view, and how they are to be shown.

import { decodedLayer, paintForeground, showHeat, showPixels } from "../page/layers.js";
import { placeOver, showMarks } from "../page/picture.js";

export async function decodedView(view, pictures) {
  const layers = view?.layers || {};
  return Promise.all(
    pictures.map((picture) => {
      const uri = layers[picture.info.id];
      return uri ? decodedLayer(uri, view.scores ? picture.image : null) : null;
    }),
  );
}

// Draw the view's layers; scores again whenever their threshold moves.
export function showView(state) {
  const threshold = state.threshold ?? state.view?.threshold ?? 0.5;
  for (const picture of state.pictures) {
    picture.view.hidden = !picture.layer;
    if (!picture.layer) continue;
    placeOver(picture.view, state.aligned === "picture" ? [0, 0, 1, 1] : picture.info.covered);
    const { pixels, scores } = picture.layer;
    showPixels(picture.view, scores ? paintForeground(picture.layer, threshold, state.invert) : pixels);
  }
}

export function gridFits(state, id) {
  const grid = state.features.grids.get(id);
  const picture = state.pictures.find((one) => one.info.id === id);
  return grid && picture && grid.rows === picture.info.rows && grid.columns === picture.info.columns;
}

export function drawAnswer(state, picture, answer, scale, held, hover) {
  const { id, columns } = picture.info;
  const here = hover?.picture === id ? { row: hover.row, col: hover.col } : null;
  const shown = state.heatShown && answer && gridFits(state, id);
  picture.heat.hidden = !shown;
  if (shown) {
    showHeat(picture.heat, picture.info, answer.values, scale);
    if (here && held.length) here.cosine = answer.values[here.row * columns + here.col];
  }
  const marks = held.filter((mark) => mark.picture === id);
  picture.frames.forEach((one) => one.classList.toggle("dino-holds", marks.length > 0));
  showMarks(picture, marks, here, shown ? answer.best : null);
}

// The answer in words, for those who do not see the rings.
export function answerInWords(state, hover) {
  const found = (picture) => picture.frame.querySelector(".dino-ring span")?.textContent ?? "none";
  const rings = state.heatShown ? state.pictures.map((picture) => `${picture.info.name} ${found(picture)}`) : [];
  const at = hover ? `Row ${hover.row + 1}, column ${hover.col + 1}. ` : "";
  return rings.length ? `${at}Best matches: ${rings.join(", ")}.` : at || "No question.";
}
