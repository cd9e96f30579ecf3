// Which patches of other pictures belong to those of one: mutual nearest neighbours, from int8 features.

const MOST_MATCHES = 80;

// Unit vectors [patches * dims] as floats, the scales multiplied in: cosines are then plain products.
function unitVectors(features, grid) {
  const { dims, scales } = features;
  const values = new Float32Array(grid.rows * grid.columns * dims);
  for (let i = 0; i < values.length; i++) values[i] = grid.data[i] * scales[i % dims];
  return values;
}

// Pairs [{from, to, cosine}] of patch numbers, best first: each the other's nearest among those that `kept` lets in.
export function mutualMatches(features, from, to, kept) {
  const { dims } = features;
  const [a, b] = [unitVectors(features, from), unitVectors(features, to)];
  const counts = [a.length / dims, b.length / dims];
  const forth = { place: new Int32Array(counts[0]).fill(-1), cosine: new Float32Array(counts[0]).fill(-2) };
  const back = { place: new Int32Array(counts[1]).fill(-1), cosine: new Float32Array(counts[1]).fill(-2) };
  for (let i = 0; i < counts[0]; i++) {
    if (!kept[i]) continue;
    for (let j = 0; j < counts[1]; j++) {
      let cosine = 0;
      for (let k = 0, p = i * dims, q = j * dims; k < dims; k++, p++, q++) cosine += a[p] * b[q];
      if (cosine > forth.cosine[i]) [forth.cosine[i], forth.place[i]] = [cosine, j];
      if (cosine > back.cosine[j]) [back.cosine[j], back.place[j]] = [cosine, i];
    }
  }
  const pairs = [];
  for (let i = 0; i < counts[0]; i++) {
    const j = forth.place[i];
    if (j >= 0 && back.place[j] === i) pairs.push({ from: i, to: j, cosine: forth.cosine[i] });
  }
  return pairs.sort((one, other) => other.cosine - one.cosine).slice(0, MOST_MATCHES);
}

// A colour for a place on the reference: blends of four that all eyes tell apart, one for each corner.
export function placeColour(row, col, rows, columns) {
  const corners = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167]];
  const [y, x] = [rows > 1 ? row / (rows - 1) : 0.5, columns > 1 ? col / (columns - 1) : 0.5];
  const shares = [(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x];
  const mixed = [0, 1, 2].map((k) => Math.round(corners.reduce((sum, corner, i) => sum + shares[i] * corner[k], 0)));
  return `rgb(${mixed.join(" ")})`;
}

const DOT_PIXELS = 20; // of a patch on the canvas that the dots are drawn on

// Dots [{patch, colour}] on a canvas over a grid; the rest stays transparent.
export function paintDots(canvas, grid, dots) {
  canvas.width = grid.columns * DOT_PIXELS;
  canvas.height = grid.rows * DOT_PIXELS;
  const context = canvas.getContext("2d");
  context.lineWidth = 2;
  context.strokeStyle = "#fff";
  for (const { patch, colour } of dots) {
    const [row, col] = [Math.floor(patch / grid.columns), patch % grid.columns];
    context.beginPath();
    context.arc((col + 0.5) * DOT_PIXELS, (row + 0.5) * DOT_PIXELS, 0.38 * DOT_PIXELS, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
    context.stroke();
  }
}
