// The pointer, a finger and the keyboard as questions: which patch is pointed at, which are held. While it `reads`, a
// click asks nothing: it keeps the patch whose number is read.
// A mark is {picture, row, col, x, y, sign}; x and y are fractions of the picture, so that it outlives a change of grid.

import { patchAt, patchBox } from "./picture.js";

const TOUCH_SLOP = 8; // px a finger may move in a tap
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// -> {held, hover, reads, kept, pointed, listen, point, hold, read, undo, clear, restore, renew}.
// `changed(kind)` is called after every change: "hover", "keys" or "held".
export function createQuestion(changed) {
  const question = { held: [], hover: null, reads: false, kept: null };
  let finger = null;
  let before = []; // what was held before the last click, which may turn out to be half of a double click

  function markAt(info, x, y) {
    return { picture: info.id, ...patchAt(info, x, y), x, y, sign: 1 };
  }

  function markOf(info, row, col) {
    const [left, top, beyond, below] = patchBox(info, row, col);
    return { picture: info.id, row, col, x: (left + beyond) / 2, y: (top + below) / 2, sign: 1 };
  }

  function markUnder(picture, frame, event) {
    const box = frame.getBoundingClientRect();
    return markAt(picture.info, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  function same(a, b) {
    return a.picture === b.picture && a.row === b.row && a.col === b.col;
  }

  function point(mark, kind = "hover") {
    const old = question.hover;
    if (mark === old || (mark && old && same(mark, old))) return;
    question.hover = mark;
    changed(kind);
  }

  // Hold a patch: alone, or with `how` "add" or "subtract". A patch that is held already is let go.
  function hold(mark, how) {
    const others = question.held.filter((held) => !same(held, mark));
    const known = others.length < question.held.length;
    if (how === "subtract" && !others.some((held) => held.sign > 0)) return; // nothing to subtract from
    if (!how) question.held = known && !others.length ? [] : [mark];
    else question.held = known ? others : [...others, { ...mark, sign: how === "add" ? 1 : -1 }];
    if (!question.held.some((held) => held.sign > 0)) question.held = [];
    changed("held");
  }

  // What a click does with a patch.
  function choose(mark, how) {
    if (!question.reads) return hold(mark, how);
    question.kept = question.kept && same(question.kept, mark) ? null : mark;
    return changed("keys");
  }

  function modifier(event) {
    return event.shiftKey ? "add" : event.altKey || event.ctrlKey ? "subtract" : "";
  }

  function move(picture, event, key) {
    const { info } = picture;
    const here = [question.hover, question.kept, ...question.held].find((mark) => mark?.picture === info.id);
    const [down, right] = ARROWS[key].map((step) => step * (event.shiftKey ? 5 : 1));
    const row = here ? Math.min(Math.max(here.row + down, 0), info.rows - 1) : info.rows >> 1;
    const col = here ? Math.min(Math.max(here.col + right, 0), info.columns - 1) : info.columns >> 1;
    point(markOf(info, row, col), "keys");
  }

  function listen(picture, frame) {
    frame.addEventListener("pointermove", (event) => {
      point(markUnder(picture, frame, event));
    });
    frame.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse") return;
      finger = { x: event.clientX, y: event.clientY };
      point(markUnder(picture, frame, event));
    });
    frame.addEventListener("pointerup", (event) => {
      if (!finger) return;
      const moved = Math.hypot(event.clientX - finger.x, event.clientY - finger.y) > TOUCH_SLOP;
      finger = null;
      if (moved) choose(markUnder(picture, frame, event), ""); // a tap ends in a click, which holds too
    });
    for (const name of ["pointercancel", "pointerleave"]) {
      frame.addEventListener(name, () => {
        finger = null;
        point(null);
      });
    }
    frame.addEventListener("click", (event) => {
      if (event.detail > 1) return;
      before = question.held;
      choose(markUnder(picture, frame, event), modifier(event));
    });
    frame.addEventListener("keydown", (event) => {
      if (event.target !== frame) return;
      if (event.key in ARROWS) move(picture, event, event.key);
      else if ((event.key === "Enter" || event.key === " ") && question.hover) choose(question.hover, modifier(event));
      else return;
      event.preventDefault();
    });
    frame.addEventListener("blur", () => point(null));
  }

  // A patch that was pointed at elsewhere than in a picture; none where `info` is undefined.
  question.point = (info, row, col) => point(info ? markOf(info, row, col) : null);
  question.hold = (info, row, col, event) => hold(markOf(info, row, col), modifier(event));
  // The patches whose numbers are read: what is kept, and what is pointed at.
  question.pointed = () => {
    const { kept, hover } = question;
    return [kept && hover && same(kept, hover) ? null : kept, hover].filter(Boolean);
  };
  question.listen = (picture) => picture.frames.forEach((frame) => listen(picture, frame));
  question.read = (reads) => {
    question.reads = reads;
    question.kept = null;
    changed("keys");
  };
  question.undo = () => {
    question.kept = null;
    question.held = before;
    changed("held");
  };
  question.clear = () => {
    if (!question.held.length && !question.kept) return false;
    if (!question.kept) question.held = [];
    question.kept = null;
    changed("held");
    return true;
  };
  // Hold marks of which only {picture, x, y, sign} are known, on pictures that are there.
  question.restore = (marks, pictures) => {
    const infos = new Map(pictures.map((picture) => [picture.info.id, picture.info]));
    const there = marks.filter((mark) => infos.has(mark.picture));
    question.held = there.map(({ picture, x, y, sign }) => ({ ...markAt(infos.get(picture), x, y), sign }));
    if (!question.held.some((mark) => mark.sign > 0)) question.held = [];
    changed("held");
  };
  // Other pictures or another grid: keep the marks where they lie, drop those whose picture is gone.
  question.renew = (pictures) => {
    const infos = new Map(pictures.map((picture) => [picture.info.id, picture.info]));
    const before = question.held.length;
    const kept = (mark) => infos.has(mark.picture);
    const moved = (mark) => ({ ...mark, ...patchAt(infos.get(mark.picture), mark.x, mark.y) });
    question.held = question.held.filter(kept).map(moved);
    if (!question.held.some((mark) => mark.sign > 0)) question.held = [];
    question.hover = null;
    question.kept = question.kept && kept(question.kept) ? moved(question.kept) : null;
    return question.held.length !== before;
  };
  return question;
}
