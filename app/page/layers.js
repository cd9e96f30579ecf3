// What lies over a picture: decoded layers, the foreground's threshold, the heat map.

import { palettePixels } from "./palettes.js";

export async function decodedImage(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  return image;
}

function pixelsOf(image, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

export function showPixels(canvas, pixels) {
  if (canvas.width !== pixels.width || canvas.height !== pixels.height) {
    canvas.width = pixels.width;
    canvas.height = pixels.height;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

// A layer ready to be drawn. Colours keep their pixels; grey scores, which come with the picture that they belong to, get
// the dimmed picture that stands for the ground.
export async function decodedLayer(uri, picture = null) {
  const image = await decodedImage(uri);
  const pixels = pixelsOf(image, image.naturalWidth, image.naturalHeight);
  if (!picture) return { pixels };
  const scores = new Uint8Array(pixels.width * pixels.height);
  for (let i = 0; i < scores.length; i++) scores[i] = pixels.data[4 * i];
  return { pixels, scores, ground: dimmed(pixelsOf(picture, pixels.width, pixels.height)) };
}

// The picture grey and dark, one opaque pixel each: weights of Rec. 709, a third of the light left.
function dimmed(pixels) {
  const { data } = pixels;
  const result = new Uint32Array(pixels.width * pixels.height);
  for (let i = 0, at = 0; i < result.length; i++, at += 4) {
    const grey = (0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2]) * 0.34 + 8;
    result[i] = (255 << 24) | (grey << 16) | (grey << 8) | grey;
  }
  return result;
}

const EDGE = 0xffffffff;
const EDGE_PIXELS = 2; // of the mask, which is about twice as fine as what is seen

// The object is left as it is, the ground dimmed, a white line drawn between them.
export function paintForeground(layer, threshold, invert) {
  const { scores, ground, pixels } = layer;
  const out = new Uint32Array(pixels.data.buffer);
  const { width, height } = pixels;
  const inside = Uint8Array.from({ length: 256 }, (_, score) => Number(score >= threshold * 255 !== invert));
  for (let y = 0, i = 0; y < height; y++) {
    const below = y < height - EDGE_PIXELS ? EDGE_PIXELS * width : 0;
    for (let x = 0; x < width; x++, i++) {
      const here = inside[scores[i]];
      const right = x < width - EDGE_PIXELS ? EDGE_PIXELS : 0;
      out[i] = here !== inside[scores[i + right]] || here !== inside[scores[i + below]] ? EDGE : here ? 0 : ground[i];
    }
  }
  return pixels;
}

// Cosines as colours between the ends of a scale; `pixels` is ImageData of the grid's size, kept between calls.
export function paintHeat(pixels, values, { low, high }, colours) {
  const out = new Uint32Array(pixels.data.buffer);
  const factor = 255 / (high - low);
  for (let i = 0; i < values.length; i++) {
    const level = (values[i] - low) * factor;
    out[i] = colours[level <= 0 ? 0 : level >= 255 ? 255 : level | 0];
  }
  return pixels;
}

export const HEAT = "viridis";
const heatColours = palettePixels(HEAT);
const heatPixels = new WeakMap(); // canvas -> ImageData of its grid's size

export function showHeat(canvas, { rows, columns }, values, scale) {
  const kept = heatPixels.get(canvas);
  const fits = kept?.width === columns && kept.height === rows;
  const pixels = fits ? kept : new ImageData(columns, rows);
  heatPixels.set(canvas, pixels);
  showPixels(canvas, paintHeat(pixels, values, scale, heatColours));
}
