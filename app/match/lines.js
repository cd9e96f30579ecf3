// What is drawn over the whole board: lines and dots of matches, and those of the points that are followed.

import { shape } from "../page/elements.js";
import { middle, shownCosine } from "../page/picture.js";

const FOLLOWED = ["#ffffff", "#e69f00", "#56b4e9", "#f0e442", "#cc79a7"]; // Okabe and Ito's, white first

// Where a share (x, y) of a picture is on the board, in px.
function onBoard(box, x, y) {
  return [box.left + x * box.width, box.top + y * box.height];
}

// All matches; `boxes` is a Map of picture id -> box on the board.
export function matchShapes(matches, boxes) {
  const lines = [];
  const dots = [];
  const start = boxes.get(matches.reference);
  for (const [id, pairs] of Object.entries(matches.pairs || {})) {
    const goal = boxes.get(id);
    if (!start || !goal) continue;
    for (const [ax, ay, bx, by, colour] of pairs) {
      const [x1, y1] = onBoard(start, ax, ay);
      const [x2, y2] = onBoard(goal, bx, by);
      if (matches.show === "lines") lines.push(shape("line", { x1, y1, x2, y2, stroke: colour }));
      for (const [cx, cy] of [[x1, y1], [x2, y2]]) dots.push(shape("circle", { cx, cy, r: 4, fill: colour }));
    }
  }
  return [...lines, ...dots];
}

// One followed point: a ring where it is asked, one in each other picture, solid where the way leads back.
export function followShapes(mark, places, pictures, boxes, number) {
  const colour = FOLLOWED[number % FOLLOWED.length];
  const nodes = [];
  const at = (id, { row, col }) => {
    const { info } = pictures.get(id);
    return onBoard(boxes.get(id), ...middle(info, { row, col }));
  };
  const [x1, y1] = at(mark.picture, mark);
  for (const [id, place] of places) {
    if (!pictures.has(id)) continue;
    const [x2, y2] = at(id, place);
    const dashed = place.returns ? {} : { "stroke-dasharray": "5 4" };
    for (const [stroke, width] of [["rgb(0 0 0 / 0.7)", 4], [colour, 2]]) {
      nodes.push(shape("line", { x1, y1, x2, y2, stroke, "stroke-width": width, ...(width === 2 ? dashed : {}) }));
    }
    nodes.push(...ring(x2, y2, 9, colour, dashed), label(x2, y2, place.cosine, boxes.get(id)));
  }
  nodes.push(...ring(x1, y1, 9, colour, {}), shape("circle", { cx: x1, cy: y1, r: 3, fill: colour }));
  return nodes;
}

function ring(cx, cy, r, stroke, dashed) {
  const around = { cx, cy, r, fill: "none" };
  return [
    shape("circle", { ...around, stroke: "rgb(0 0 0 / 0.7)", "stroke-width": 4.5 }),
    shape("circle", { ...around, stroke, "stroke-width": 2.5, ...dashed }),
  ];
}

function label(x, y, cosine, box) {
  const leftwards = x + 60 > box.left + box.width;
  const group = shape("g", { transform: `translate(${leftwards ? x - 48 : x + 14} ${y - 9})` });
  group.append(shape("rect", { width: 34, height: 18, rx: 3 }));
  group.append(shape("text", { x: 17, y: 13, "text-anchor": "middle" }, shownCosine(cosine)));
  return group;
}

// What is being drawn, or was.
export function outlineShapes(outline, boxes) {
  const box = boxes.get(outline.picture);
  if (!box || !outline.points.length) return [];
  const points = outline.points.map(([x, y]) => onBoard(box, x, y).join(",")).join(" ");
  return [
    shape("polygon", { points, class: "dino-outline dino-under" }),
    shape("polygon", { points, class: "dino-outline" }),
  ];
}
