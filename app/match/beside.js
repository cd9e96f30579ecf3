// Where a reference and the pictures matched with it go: side by side with room for the lines; in two columns on a phone.

import { justified } from "../page/layout.js";

const NARROW = 640; // px
const UNEVEN = 1.35;

// -> {boxes: [{left, top, width, height}, ...], height}, in the order of the aspects (width / height).
export function besideReference(aspects, reference, width, height, gap, extra) {
  const others = aspects.map((_, i) => i).filter((i) => i !== reference);
  if (width < NARROW) return twoColumns(aspects, reference, others, width, gap, extra);
  const between = Math.min(width * 0.08, 72);
  let best = null;
  for (let share = 0.28; share < 0.66; share += 0.04) {
    const own = Math.min(share * width, (height - extra) * aspects[reference]);
    const rest = evened(justified(others.map((i) => aspects[i]), width - own - between, height, gap, extra));
    // all others are compared with the reference: it may be as large as they are together
    const areas = [own ** 2 / aspects[reference] / others.length];
    rest.rows.forEach((row, r) => row.forEach((i) => areas.push(aspects[others[i]] * rest.heights[r] ** 2)));
    const worth = -areas.reduce((sum, area) => sum + 1 / area, 0);
    if (!best || worth > best.worth) best = { worth, own, rest };
  }
  const { own, rest } = best;
  const boxes = [];
  const right = placeRowsAt(rest, others, aspects, own + between, boxes, gap, extra);
  boxes[reference] = { left: 0, top: 0, width: own, height: own / aspects[reference] };
  const tall = Math.max(boxes[reference].height + extra, right.height);
  boxes[reference].top = (tall - boxes[reference].height - extra) / 2;
  for (const i of others) boxes[i].top += (tall - right.height) / 2;
  const slack = (width - right.right) / 2; // what is not used stands at both sides
  boxes.forEach((box) => (box.left += slack));
  return { boxes, height: tall };
}

// No row much taller than another: the pictures are compared.
function evened({ rows, heights }) {
  const most = UNEVEN * Math.min(...heights);
  return { rows, heights: heights.map((tall) => Math.min(tall, most)) };
}

// The reference at the left, the others one below the other at the right, so that every line is seen at once.
function twoColumns(aspects, reference, others, width, gap, extra) {
  const own = (width - 2 * gap) / 2;
  const rest = { rows: others.map((_, place) => [place]), heights: others.map((i) => own / aspects[i]) };
  const boxes = [];
  const right = placeRowsAt(rest, others, aspects, own + 2 * gap, boxes, gap, extra);
  boxes[reference] = { left: 0, top: 0, width: own, height: own / aspects[reference] };
  return { boxes, height: Math.max(boxes[reference].height + extra, right.height) };
}

function placeRowsAt({ rows, heights }, others, aspects, left, boxes, gap, extra) {
  let top = 0;
  let right = 0;
  rows.forEach((row, r) => {
    let at = left;
    for (const place of row) {
      const i = others[place];
      boxes[i] = { left: at, top, width: aspects[i] * heights[r], height: heights[r] };
      at += boxes[i].width + gap;
    }
    right = Math.max(right, at - gap);
    top += heights[r] + extra;
  });
  return { height: top, right };
}
