// The DOM of one picture: twice the photograph, the second under the view and the heat map, marks on both.

import { make, shape } from "./elements.js";

const ICONS = {
  enlarge: "M9 3H3v6 M15 3h6v6 M9 21H3v-6 M15 21h6v-6",
  save: "M12 3v12 M7 10l5 5 5-5 M4 20h16",
};

function iconButton(icon, label) {
  const drawn = shape("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, shape("path", { d: ICONS[icon] }));
  return make("button", `dino-icon dino-${icon}`, { type: "button", "aria-label": label, title: label }, drawn);
}

// -> {info, figure, frames, ...}. `info` is one entry of the pictures prop, `image` its decoded photograph.
export function buildPicture(info, image) {
  const plain = buildFrame(info, image);
  const painted = buildFrame(info, image.cloneNode());
  const view = make("canvas", "dino-view", { "aria-hidden": "true" });
  const heat = make("canvas", "dino-heat", { "aria-hidden": "true" });
  painted.frame.insertBefore(view, painted.marks);
  painted.frame.insertBefore(heat, painted.marks);
  placeOver(heat, info.covered);
  plain.frame.classList.add("dino-plain");
  plain.frame.setAttribute("aria-hidden", "true");
  painted.frame.setAttribute("tabindex", "0");
  painted.frame.setAttribute("role", "application");
  painted.frame.setAttribute("aria-roledescription", "picture");
  painted.frame.setAttribute(
    "aria-label",
    `${info.name}. Arrow keys move over the patches, Enter keeps the question, Escape clears it.`,
  );
  const enlarge = iconButton("enlarge", `Enlarge ${info.name}`);
  const save = iconButton("save", `Save ${info.name} as shown (PNG)`);
  const name = make("span", "dino-name", { title: info.name });
  name.textContent = info.name;
  const figure = make("figure", "dino-picture");
  figure.append(
    make("div", "dino-pair", {}, plain.frame, painted.frame),
    make("figcaption", "", {}, name, enlarge, save),
  );
  return {
    info,
    figure,
    frames: [plain.frame, painted.frame],
    frame: painted.frame,
    layers: [plain.marks, painted.marks],
    image,
    view,
    heat,
    enlarge,
    save,
    layer: null,
    size: { width: 0, height: 0 }, // px on the page
  };
}

export function buildFrame(info, image) {
  image.className = "dino-photograph";
  image.alt = info.name;
  image.draggable = false;
  const marks = make("div", "dino-marks", { "aria-hidden": "true" });
  return { frame: make("div", "dino-frame", {}, image, marks), marks };
}

// Let an element cover a rectangle given as fractions of the picture.
export function placeOver(node, [left, top, right, bottom]) {
  node.style.left = `${left * 100}%`;
  node.style.top = `${top * 100}%`;
  node.style.width = `${(right - left) * 100}%`;
  node.style.height = `${(bottom - top) * 100}%`;
}

// Where a pointer is on an element, in shares of its sides; at an edge where it has left.
export function shareAt(node, event) {
  const box = node.getBoundingClientRect();
  const share = (value) => Math.min(Math.max(value, 0), 1);
  return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
}

// Fractions of the picture that a patch covers, and back from a fraction to the patch.
export function patchBox(info, row, col) {
  const [left, top, right, bottom] = info.covered;
  const wide = (right - left) / info.columns;
  const tall = (bottom - top) / info.rows;
  return [left + col * wide, top + row * tall, left + (col + 1) * wide, top + (row + 1) * tall];
}

export function patchAt(info, x, y) {
  const [left, top, right, bottom] = info.covered;
  const col = Math.floor(((x - left) / (right - left)) * info.columns);
  const row = Math.floor(((y - top) / (bottom - top)) * info.rows);
  return { row: Math.min(Math.max(row, 0), info.rows - 1), col: Math.min(Math.max(col, 0), info.columns - 1) };
}

// Draw outlines of the patches that ask and of those that are pointed at, with their `label` where they have one, and a
// ring with its cosine around the best match.
export function showMarks(picture, marks, cursors, best) {
  const nodes = [];
  const outlined = [...marks, ...cursors];
  for (const mark of marks) {
    const box = make("div", mark.sign > 0 ? "dino-asked" : "dino-asked dino-minus");
    placeOver(box, patchBox(picture.info, mark.row, mark.col));
    nodes.push(box);
  }
  for (const cursor of cursors) {
    const box = make("div", "dino-cursor");
    placeOver(box, patchBox(picture.info, cursor.row, cursor.col));
    nodes.push(box);
    const others = outlined.filter((other) => other !== cursor);
    if (cursor.label) nodes.unshift(numberAt(picture, cursor, "dino-number", cursor.label, others));
  }
  if (best) nodes.unshift(numberAt(picture, best, "dino-number dino-ring", shownCosine(best.cosine), outlined));
  picture.layers[1].replaceChildren(...nodes);
  picture.layers[0].replaceChildren(...nodes.map((node) => node.cloneNode(true)));
}

const LABEL = { near: 10, margin: 34, letter: 7, half: 15 }; // px: where beside a patch its number stands

// The number stands to the right of its patch unless the picture ends there, or one of `others` would be hidden; above
// or below it where a narrow picture ends at both sides.
function numberAt(picture, patch, className, text, others) {
  const node = make("div", className);
  const [x, y] = middle(picture.info, patch);
  node.style.left = `clamp(14px, ${x * 100}%, 100% - 14px)`; // the ring is whole at an edge, too
  node.style.top = `clamp(14px, ${y * 100}%, 100% - 14px)`;
  const { width, height } = picture.size;
  const far = LABEL.margin + LABEL.letter * text.length;
  const hides = others.some((other) => {
    const [otherX, otherY] = middle(picture.info, other);
    const away = (otherX - x) * width;
    return away > LABEL.near && away < far && Math.abs(otherY - y) * height < LABEL.half;
  });
  const [before, after] = [x * width, (1 - x) * width]; // the room at either side
  const label = make("span", "", {}, text);
  node.append(label);
  if (Math.max(before, after) < far && width) {
    const wide = far - LABEL.margin + LABEL.near; // of the label itself
    label.style.left = `${Math.max(2 - before, Math.min(-wide / 2, after - wide - 2))}px`;
    label.style.top = y * height > 40 ? "-34px" : "16px";
  } else if (after < far ? before > after : hides && before > far) {
    node.classList.add("dino-leftwards");
  }
  return node;
}

export function middle(info, { row, col }) {
  const [left, top, right, bottom] = patchBox(info, row, col);
  return [(left + right) / 2, (top + bottom) / 2].map((part) => Math.min(Math.max(part, 0), 1));
}

export function shownCosine(cosine) {
  return Math.min(cosine, 1).toFixed(2).replace("-", "−");
}
