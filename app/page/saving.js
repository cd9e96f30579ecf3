// What is shown, as a PNG: drawn again on a canvas, each picture at the size that it has itself.

import { download, make } from "./elements.js";
import { PALETTES } from "./palettes.js";

const SAVED_GAP = 12;
const MOST_SIDE = 4096; // px of one picture, as in the Download fold
const MOST_PIXELS = 4e7; // of all together: some browsers give no larger canvas

function drawPicture(context, picture, state, x, y, width, height) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  const widths = state.split ? [width / 2, width / 2] : [width];
  widths.forEach((wide, part) => {
    const left = x + part * wide;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(picture.image, left, y, wide, height);
    if (part === widths.length - 1) drawOverlay(context, picture, state, left, y, wide, height);
    drawMarks(context, picture.layers[1], left, y, wide);
  });
  context.restore();
}

function drawOverlay(context, picture, state, x, y, width, height) {
  const canvas = state.heatShown ? picture.heat : picture.view;
  if (canvas.hidden) return;
  const whole = canvas === picture.view && state.aligned === "picture";
  const [left, top, right, bottom] = whole ? [0, 0, 1, 1] : picture.info.covered;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.globalAlpha = Number(getComputedStyle(canvas).opacity);
  context.imageSmoothingEnabled = state.smooth;
  context.drawImage(canvas, x + left * width, y + top * height, (right - left) * width, (bottom - top) * height);
  context.restore();
}

// The marks are read back from the page, so that what is saved cannot differ from what is seen.
function drawMarks(context, layer, x, y, width) {
  const seen = layer.getBoundingClientRect();
  const scale = width / seen.width;
  for (const node of layer.children) {
    const style = getComputedStyle(node);
    const box = node.getBoundingClientRect();
    const left = x + (box.left - seen.left) * scale;
    const top = y + (box.top - seen.top) * scale;
    const line = parseFloat(style.borderTopWidth) * scale;
    if (line) {
      for (const [colour, wide] of [["rgba(0, 0, 0, 0.7)", line * 2], [style.borderTopColor, line]]) {
        context.strokeStyle = colour;
        context.lineWidth = wide;
        context.beginPath();
        if (style.borderTopLeftRadius === "50%") {
          const half = (box.width * scale) / 2;
          context.arc(left + half, top + half, half - line / 2, 0, 2 * Math.PI);
        } else {
          context.rect(left + line / 2, top + line / 2, box.width * scale - line, box.height * scale - line);
        }
        context.stroke();
      }
    }
    const label = node.querySelector("span");
    if (label) drawLabel(context, label, seen, x, y, scale);
  }
}

function drawLabel(context, label, seen, x, y, scale) {
  const box = label.getBoundingClientRect();
  const style = getComputedStyle(label);
  const left = x + (box.left - seen.left) * scale;
  const top = y + (box.top - seen.top) * scale;
  context.fillStyle = style.backgroundColor;
  context.beginPath();
  context.roundRect(left, top, box.width * scale, box.height * scale, 3 * scale);
  context.fill();
  context.fillStyle = style.color;
  context.font = `${style.fontWeight} ${parseFloat(style.fontSize) * scale}px ${style.fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(label.textContent, left + (box.width * scale) / 2, top + (box.height * scale) / 2);
}

// Pixels for each px of the page with which a picture has its own size, up to MOST_SIDE; never less than the screen has.
function fullScale({ info, frame }) {
  const own = Math.min(info.width, (MOST_SIDE * info.width) / Math.max(info.width, info.height));
  return Math.max(own / frame.offsetWidth, window.devicePixelRatio || 1);
}

// One picture alone, at its full size.
export function savePicture(picture, state) {
  const scale = fullScale(picture);
  const width = Math.round((state.split ? 2 : 1) * picture.frame.offsetWidth * scale);
  const canvas = blank(width, Math.round(picture.frame.offsetHeight * scale));
  drawPicture(canvas.getContext("2d"), picture, state, 0, 0, canvas.width, canvas.height);
  download(canvas, `${fileName(picture.info.name)}-${state.heatShown ? "similarity" : state.kind || "picture"}`);
}

// All pictures where they stand, none below its full size if one file can hold that, with their names, the scale and
// the sentence below.
export function saveStage(stage, state, reading) {
  const outer = stage.getBoundingClientRect();
  const scale = Math.min(Math.max(...state.pictures.map(fullScale)), Math.sqrt(MOST_PIXELS / (outer.width * outer.height)));
  const canvas = blank(Math.round((outer.width + 2 * SAVED_GAP) * scale), 16);
  const style = getComputedStyle(stage);
  const font = `${13 * scale}px ${style.fontFamily}`;
  const context = canvas.getContext("2d");
  context.font = font;
  const lines = wrapped(context, reading.text.textContent, canvas.width - 2 * SAVED_GAP * scale);
  if (!reading.scale.hidden) lines.unshift(""); // room for the scale
  canvas.height = Math.round((outer.height + 2 * SAVED_GAP + (lines.length + 0.5) * 20) * scale);
  context.fillStyle = style.getPropertyValue("--dino-ground") || "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.font = font;
  context.textBaseline = "top";
  const ink = style.color;
  for (const picture of state.pictures) {
    const box = picture.figure.querySelector(".dino-pair").getBoundingClientRect();
    const x = (box.left - outer.left + SAVED_GAP) * scale;
    const y = (box.top - outer.top + SAVED_GAP) * scale;
    drawPicture(context, picture, state, x, y, box.width * scale, box.height * scale);
    context.fillStyle = ink;
    context.fillText(picture.info.name, x, y + box.height * scale + 6 * scale, box.width * scale);
  }
  context.fillStyle = ink;
  const lineTop = (i) => canvas.height - (SAVED_GAP + (lines.length - i) * 20) * scale;
  lines.forEach((line, i) => context.fillText(line, SAVED_GAP * scale, lineTop(i)));
  if (!reading.scale.hidden) drawScale(context, reading, SAVED_GAP * scale, lineTop(0), scale);
  download(canvas, `dinoscope-${state.heatShown ? "similarity" : state.kind || "pictures"}`);
}

function drawScale(context, reading, x, y, scale) {
  const wide = 120 * scale;
  const strip = x + context.measureText(`${reading.low.textContent} `).width;
  context.fillText(reading.low.textContent, x, y);
  context.fillText(reading.high.textContent, strip + wide + 7 * scale, y);
  const colours = context.createLinearGradient(strip, 0, strip + wide, 0);
  const stops = PALETTES[reading.strip.dataset.palette];
  stops.forEach((colour, i) => colours.addColorStop(i / (stops.length - 1), colour));
  context.fillStyle = colours;
  context.fillRect(strip, y + 2 * scale, wide, 10 * scale);
}

function blank(width, height) {
  return make("canvas", "", { width: Math.max(width, 1), height: Math.max(height, 1) });
}

function wrapped(context, text, width) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function fileName(name) {
  return name.replace(/\.[a-z0-9]+$/i, "").replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 60) || "picture";
}
