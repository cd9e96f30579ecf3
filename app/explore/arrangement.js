// Where the stage's pictures stand, and how the view lies over them: what the toolbar sets.

import { CAPTION, GAP, enlarged, justified, placeRows } from "../page/layout.js";
import { pressed } from "../page/toolbar.js";

export function applySettings({ element, stage, board, toolbar }, state) {
  const blend = state.chosen.blend[state.kind] ?? state.view?.blend ?? 1;
  state.smooth = state.chosen.smooth[state.kind] ?? state.view?.smooth ?? true;
  toolbar.blend.value = blend;
  toolbar.blend.style.setProperty("--part", blend);
  pressed(toolbar.split, state.split);
  pressed(toolbar.smooth, state.smooth);
  stage.style.setProperty("--dino-blend", blend);
  stage.classList.toggle("dino-split", state.split);
  stage.classList.toggle("dino-patchy", !state.smooth);
  element.style.minHeight = state.large === null ? "" : `${element.offsetHeight}px`; // the page below must not jump
  stage.classList.toggle("dino-large", state.large !== null);
  document.body.classList.toggle("dino-covered", state.large !== null);
  arrange(board, state);
}

export function arrange(board, state) {
  const { pictures } = state;
  if (!pictures.length || !board.clientWidth) return;
  const aspects = pictures.map(({ info }) => (info.width / info.height) * (state.split ? 2 : 1));
  const chosen = pictures.findIndex((picture) => picture.info.id === state.large);
  const width = board.clientWidth;
  const placed =
    chosen >= 0
      ? enlarged(aspects, chosen, width, window.innerHeight - 170, GAP, CAPTION)
      : justified(aspects, width, roomBelow(board), GAP, CAPTION);
  placeRows(board, pictures, aspects, placed, GAP, CAPTION);
  if (state.split) for (const { size } of pictures) size.width /= 2;
}

// Height for the pictures such that stage and reading fit in the window, where that leaves enough of it.
function roomBelow(board) {
  const above = board.getBoundingClientRect().top + window.scrollY;
  return Math.min(Math.max(window.innerHeight - above - 110, window.innerHeight * 0.62), window.innerHeight * 0.85);
}
