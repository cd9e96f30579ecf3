// Cosines of patches, from the int8 features that were sent once (see core/analysis/compact.py for what the numbers mean).

const LEAST_SPAN = 0.02;

export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Int8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i); // wraps above 127, as int8 should
  return bytes;
}

// The features prop, decoded: {dims, scales, grids: Map of id -> {rows, columns, data}, low}; null where there are none.
export function decodeFeatures(prop) {
  if (!prop || !prop.grids || !prop.dims) return null;
  const grids = new Map();
  for (const [id, grid] of Object.entries(prop.grids)) {
    grids.set(id, { rows: grid.rows, columns: grid.columns, data: bytesOf(grid.data) });
  }
  const features = { dims: prop.dims, scales: Float32Array.from(prop.scales), grids, low: 0 };
  features.low = lowestShown(features);
  return features;
}

function patchVector(features, mark) {
  const grid = features.grids.get(mark.picture);
  const start = (mark.row * grid.columns + mark.col) * features.dims;
  return Float32Array.from(features.scales, (scale, k) => scale * grid.data[start + k]);
}

// Marks {picture, row, col, sign} -> the direction whose dot product with a patch's int8 numbers is the cosine.
// It is the sum of the unit vectors, negatives subtracted, divided by its true length: a patch's cosine with itself is
// 1, whatever the kept dimensions say.
export function queryDirection(features, marks) {
  const vectors = marks.map((mark) => patchVector(features, mark));
  const sum = new Float32Array(features.dims);
  let squared = 0;
  vectors.forEach((a, i) => {
    for (let k = 0; k < sum.length; k++) sum[k] += marks[i].sign * a[k];
    vectors.forEach((b, j) => {
      let cosine = i === j ? 1 : 0;
      if (i !== j) for (let k = 0; k < sum.length; k++) cosine += a[k] * b[k];
      squared += marks[i].sign * marks[j].sign * cosine;
    });
  });
  const length = Math.sqrt(Math.max(squared, 1e-6)); // two equal patches of opposite sign leave nothing
  for (let k = 0; k < sum.length; k++) sum[k] *= features.scales[k] / length;
  return sum;
}

// Cosines of every patch of one picture with a direction, [rows * columns].
export function cosines(features, grid, direction) {
  const { data } = grid;
  const dims = features.dims;
  const values = new Float32Array(grid.rows * grid.columns);
  for (let patch = 0, at = 0; patch < values.length; patch++) {
    let sum = 0;
    for (let k = 0; k < dims; k++, at++) sum += direction[k] * data[at];
    values[patch] = sum;
  }
  return values;
}

function touched(marks, row, col) {
  return marks.some((mark) => Math.abs(mark.row - row) <= 1 && Math.abs(mark.col - col) <= 1);
}

// The patch most like the question. Patches that ask, and those that touch them, are left out: their answer is known.
export function bestMatch(grid, values, asking) {
  let best = -1;
  for (let patch = 0; patch < values.length; patch++) {
    if (best >= 0 && values[patch] <= values[best]) continue;
    const row = Math.floor(patch / grid.columns);
    const col = patch - row * grid.columns;
    if (!touched(asking, row, col)) best = patch;
  }
  if (best < 0) return null;
  return { row: Math.floor(best / grid.columns), col: best % grid.columns, cosine: values[best] };
}

// All pictures' answers to the marks: Map of id -> {values, best}.
export function answers(features, marks) {
  const direction = queryDirection(features, marks);
  const result = new Map();
  for (const [id, grid] of features.grids) {
    const values = cosines(features, grid, direction);
    const asking = marks.filter((mark) => mark.picture === id);
    if (marks.length === 1 && asking.length) values[asking[0].row * grid.columns + asking[0].col] = 1;
    result.set(id, { grid, values, best: bestMatch(grid, values, asking) });
  }
  return result;
}

// Ends of the scale of an answer: the low one is that of all questions, the high one this question's best match, since
// nothing but the asking patch itself comes near 1 and maps that end there are murky.
export function scaleOf(features, found) {
  const best = Math.max(...[...found.values()].map((answer) => answer.best?.cosine ?? -1));
  return { low: features.low, high: Math.min(Math.max(best, features.low + LEAST_SPAN), 1) };
}

// The `count` patches of all pictures most like the question, best first: {picture, row, col, cosine}. As above, those that
// ask or touch them are left out, and so are those that touch a better one: it shows the same thing.
export function nearestPatches(found, marks, count) {
  const all = [...found].flatMap(([picture, { grid, values }]) =>
    Array.from(values, (cosine, patch) => {
      return { picture, row: Math.floor(patch / grid.columns), col: patch % grid.columns, cosine };
    }),
  );
  const near = [];
  for (const patch of all.toSorted((a, b) => b.cosine - a.cosine)) {
    if (near.length === count) break;
    const beside = [...marks, ...near].filter((mark) => mark.picture === patch.picture);
    if (!touched(beside, patch.row, patch.col)) near.push(patch);
  }
  return near;
}

// The low end of the scale: what a few questions spread over the pictures leave below it is a tenth of their answers.
// Chosen once, so that the ground stays as it is wherever the pointer goes.
export function lowestShown(features) {
  const sample = [];
  for (const [picture, grid] of features.grids) {
    for (const part of [0.21, 0.5, 0.79]) {
      const mark = { picture, row: Math.floor(grid.rows * part), col: Math.floor(grid.columns * part), sign: 1 };
      const direction = queryDirection(features, [mark]);
      for (const other of features.grids.values()) {
        const values = cosines(features, other, direction);
        for (let i = 0; i < values.length; i += 7) sample.push(values[i]);
      }
    }
  }
  sample.sort((a, b) => a - b);
  const low = sample[Math.floor(sample.length / 10)];
  const step = low > 0.9 ? 0.01 : 0.05;
  return Math.min(Math.max(Math.floor(low / step) * step, -1), 0.99);
}
