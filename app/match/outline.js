// Drawing around a part: with a pointer freely, with the keyboard as a box from one corner to the other.

import { patchBox, shareAt } from "../page/picture.js";

const FINEST = 0.006; // share of the picture between two points of an outline

// `drawn({picture, outline})` is called when an outline is closed, `changed()` while it grows.
export function createOutline(drawn, changed) {
  const outline = { active: false, picture: null, points: [] };
  let waiting = false; // what was drawn last is not answered yet
  let figure = null; // the picture a pointer draws on
  let corner = null; // the first corner, by keyboard

  function finish(picture, points) {
    outline.active = false;
    figure = corner = null;
    if (points.length < 3) return;
    Object.assign(outline, { picture, points });
    waiting = true;
    drawn({ picture, outline: points });
  }

  function listen(picture) {
    const { frame, info } = picture;
    const capture = { capture: true };
    frame.addEventListener("pointerdown", (event) => {
      if (!outline.active) return;
      event.stopImmediatePropagation();
      event.preventDefault();
      frame.setPointerCapture(event.pointerId);
      figure = info.id;
      Object.assign(outline, { picture: info.id, points: [shareAt(frame, event)] });
      changed();
    }, capture);
    frame.addEventListener("pointermove", (event) => {
      if (!outline.active) return;
      event.stopImmediatePropagation();
      if (figure !== info.id) return;
      const place = shareAt(frame, event);
      const last = outline.points[outline.points.length - 1];
      if (Math.hypot(place[0] - last[0], place[1] - last[1]) < FINEST) return;
      outline.points.push(place);
      changed();
    }, capture);
    frame.addEventListener("pointerup", (event) => {
      if (!outline.active || figure !== info.id) return;
      event.stopImmediatePropagation();
      finish(info.id, outline.points);
      frame.addEventListener("click", (click) => click.stopImmediatePropagation(), { capture: true, once: true });
      changed();
    }, capture);
  }

  // Enter on a patch {picture, row, col} while drawing: a corner of a box. -> whether it was taken.
  function takeCorner(mark, info) {
    if (!outline.active || !mark) return false;
    if (!corner || corner.picture !== mark.picture) {
      corner = mark;
      return true;
    }
    const boxes = [corner, mark].map(({ row, col }) => patchBox(info, row, col));
    const low = [0, 1].map((i) => Math.min(boxes[0][i], boxes[1][i]));
    const high = [2, 3].map((i) => Math.max(boxes[0][i], boxes[1][i]));
    finish(mark.picture, [low, [high[0], low[1]], high, [low[0], high[1]]]);
    changed();
    return true;
  }

  function clear() {
    const had = outline.active || outline.points.length > 0;
    Object.assign(outline, { active: false, picture: null, points: [] });
    figure = corner = null;
    waiting = false;
    return had;
  }

  // Python's answer {picture, outline} or null; an older one must not take away what was drawn meanwhile.
  function renew(region, pictures) {
    if (outline.picture && !pictures.has(outline.picture)) clear();
    if (outline.active) return;
    const answers = waiting && region && JSON.stringify(region.outline) === JSON.stringify(outline.points);
    if (waiting && !answers) return;
    waiting = false;
    Object.assign(outline, { picture: region?.picture ?? null, points: region?.outline ?? [] });
  }

  return Object.assign(outline, { listen, takeCorner, clear, renew });
}
