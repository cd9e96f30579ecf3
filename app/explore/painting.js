// What lies over the stage's pictures: the layers of a view, or the answer to a question, and the marks of what asks.
// `state` is what the stage keeps: its pictures, features and view, and how they are to be shown.

import { decodedLayer, paintForeground, showHeat, showPixels } from "../page/layers.js";
import { numbersAt, numbersInShort, numbersInWords, placeInWords } from "../page/numbers.js";
import { placeOver, showMarks, shownCosine } from "../page/picture.js";
import { POINT_TO_READ } from "../page/toolbar.js";

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

export function drawAnswer(state, picture, answer, scale, question) {
  const { held, kept, reads } = question;
  const { id } = picture.info;
  const shown = state.heatShown && answer && gridFits(state, id);
  picture.heat.hidden = !shown;
  if (shown) showHeat(picture.heat, picture.info, answer.values, scale);
  const pointed = question.pointed().filter((mark) => mark.picture === id);
  const labelled = shown ? held.length > 0 : reads;
  const cursors = pointed.map((mark) => ({ ...mark, label: labelled ? numberOf(state, picture, mark, shown && answer) : "" }));
  const marks = held.filter((mark) => mark.picture === id);
  picture.frames.forEach((one) => one.classList.toggle("dino-holds", marks.length > 0 || kept?.picture === id));
  showMarks(picture, marks, cursors, shown ? answer.best : null);
}

// Of a patch, the number that is painted there.
function numberOf(state, { info }, mark, answer) {
  if (answer) return shownCosine(answer.values[mark.row * info.columns + mark.col]);
  const values = numbersAt(state.numbers, info, mark);
  return values ? numbersInShort(state.view.reading, values) : "";
}

// What the pointer reads, in words.
export function readingInWords(state, { hover, kept }) {
  const mark = hover || kept;
  const info = mark && state.pictures.find((picture) => picture.info.id === mark.picture)?.info;
  if (!info) return POINT_TO_READ;
  const place = placeInWords(info, mark);
  if (state.heatShown) {
    const grid = state.answers.get(info.id);
    return `${place}: cosine ${shownCosine(grid.values[mark.row * info.columns + mark.col])} to the question.`;
  }
  const values = numbersAt(state.numbers, info, mark);
  const cut = { threshold: state.threshold ?? state.view?.threshold ?? 0.5, invert: state.invert };
  return values ? `${place}: ${numbersInWords(state.view.reading, values, state.view.scores ? cut : null)}` : `${place}.`;
}

// The answer in words, for those who do not see the rings; in place of it, what is read.
export function answerInWords(state, question) {
  if (question.reads) return readingInWords(state, question);
  const { hover } = question;
  const found = (picture) => picture.frame.querySelector(".dino-ring span")?.textContent ?? "none";
  const rings = state.heatShown ? state.pictures.map((picture) => `${picture.info.name} ${found(picture)}`) : [];
  const at = hover ? `Row ${hover.row + 1}, column ${hover.col + 1}. ` : "";
  return rings.length ? `${at}Best matches: ${rings.join(", ")}.` : at || "No question.";
}
