// The numbers of one moment of a training run: decoded when they are first looked at, and painted in three ways.

import { bytesOf, lowestShown } from "../page/similarity.js";
import { mutualMatches, placeColour } from "./matching.js";

const SOFT = 0.12; // of the foreground's edge, in scores

// -> {features, painted: Map of id -> {colours, scores}, threshold, dots}, kept with the moment; `infos` in its order.
export function decoded(moment, infos) {
  if (moment.decoded) return moment.decoded;
  const [all, colours, scores] = [moment.features, moment.colours, moment.foreground].map(bytesOf);
  const features = { dims: moment.scales.length, scales: Float32Array.from(moment.scales), grids: new Map(), low: 0 };
  const painted = new Map();
  let first = 0;
  for (const info of infos) {
    const beyond = first + info.rows * info.columns;
    const cut = (values, wide) => values.subarray(first * wide, beyond * wide);
    features.grids.set(info.id, { rows: info.rows, columns: info.columns, data: cut(all, features.dims) });
    const unsigned = (values) => new Uint8Array(values.buffer, values.byteOffset, values.length);
    painted.set(info.id, { colours: unsigned(cut(colours, 3)), scores: unsigned(cut(scores, 1)) });
    first = beyond;
  }
  features.low = lowestShown(features);
  moment.decoded = { features, painted, threshold: moment.threshold, dots: new Map() };
  return moment.decoded;
}

export function paintColours(pixels, { colours }) {
  for (let i = 0; i < colours.length / 3; i++) {
    for (let k = 0; k < 3; k++) pixels.data[4 * i + k] = colours[3 * i + k];
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}

// Scores as a dark veil over the ground.
export function paintGround(pixels, { scores }, threshold) {
  for (let i = 0; i < scores.length; i++) {
    const ground = Math.min(Math.max((threshold - scores[i] / 255) / SOFT + 0.5, 0), 1);
    pixels.data.set([10, 14, 13, Math.round(ground * 215)], 4 * i);
  }
  return pixels;
}

// Dots of the matches view for one picture: on the reference, those that have a match anywhere.
export function dotsOf(numbers, reference, id) {
  if (!numbers.dots.has(reference)) numbers.dots.set(reference, allDots(numbers, reference));
  return numbers.dots.get(reference).get(id);
}

function allDots({ features, painted, threshold }, reference) {
  const from = features.grids.get(reference);
  const { scores } = painted.get(reference);
  const kept = Uint8Array.from(scores, (score) => Number(score > threshold * 255));
  const colour = (patch) => placeColour(Math.floor(patch / from.columns), patch % from.columns, from.rows, from.columns);
  const dots = new Map();
  const used = new Set();
  for (const [id, to] of features.grids) {
    if (id === reference) continue;
    const pairs = mutualMatches(features, from, to, kept);
    pairs.forEach((pair) => used.add(pair.from));
    dots.set(id, pairs.map((pair) => ({ patch: pair.to, colour: colour(pair.from) })));
  }
  return dots.set(reference, [...used].map((patch) => ({ patch, colour: colour(patch) })));
}
