// The numbers behind a view, as the server painted them (see app/explore/payloads.py), and those of one patch in words.

import { bytesOf } from "./similarity.js";

const KINDS = {
  u1: { width: 1, read: (bytes, i) => bytes.getUint8(i) },
  f2: { width: 2, read: (bytes, i) => half(bytes.getUint16(2 * i, true)) },
  f4: { width: 4, read: (bytes, i) => bytes.getFloat32(4 * i, true) },
};

// A float16, IEEE 754, of its sixteen bits.
export function half(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
  return bits >> 15 ? -size : size;
}

// -> Map of picture id -> {rows, columns, count, kind, bytes}, `count` numbers a patch; empty where none were sent.
export function decodeNumbers(view) {
  const grids = new Map();
  for (const [id, { rows, columns, kind, data }] of Object.entries(view?.numbers || {})) {
    const bytes = new DataView(bytesOf(data).buffer);
    grids.set(id, { rows, columns, count: bytes.byteLength / KINDS[kind].width / rows / columns, kind, bytes });
  }
  return grids;
}

// The numbers of one patch; null where the picture stands on another grid than they do.
export function numbersAt(grids, info, { row, col }) {
  const grid = grids.get(info.id);
  if (!grid || grid.rows !== info.rows || grid.columns !== info.columns) return null;
  const start = (row * grid.columns + col) * grid.count;
  return Array.from({ length: grid.count }, (_, k) => KINDS[grid.kind].read(grid.bytes, start + k));
}

function shown(value, { unit, factor, digits }) {
  return (value * factor).toFixed(digits).replace("-", "−") + (unit ? ` ${unit}` : "");
}

// As short as it has to be beside a pointer.
export function numbersInShort(reading, values) {
  if (reading.groups.length) return reading.groups[values[0]].split(",")[0];
  return values.map((value) => shown(value, reading)).join(" · ");
}

// `cut` is {threshold, invert} for scores that are cut, else null.
export function numbersInWords(reading, values, cut = null) {
  const named = values.map((value, i) => `${reading.names[i] ?? `value ${i + 1}`} ${shown(value, reading)}`);
  const words = reading.groups.length ? reading.groups[values[0]] : named.join(", ");
  const side = cut && values[0] >= cut.threshold !== cut.invert ? "object" : "ground";
  const told = cut ? `${words}: ${side} at a threshold of ${cut.threshold.toFixed(2)}` : words;
  return [`${told}.`, reading.note].filter(Boolean).join(" ");
}

export function placeInWords({ name }, { row, col }) {
  return `${name}, row ${row + 1}, column ${col + 1}`;
}
