// Where a patch of one picture is in the others: the most similar patch, or the one whose neighbours are similar, too.

import { bestMatch, cosines, queryDirection } from "../page/similarity.js";

// Mean cosines [rows * columns] of the patches around a mark with those around each patch of a grid, `radius` at each
// side, as they lie and mirrored left to right; the better of the two. The same as core.analysis.matching computes.
export function neighbourCosines(features, grid, mark, radius) {
  const own = features.grids.get(mark.picture);
  const sums = [0, 1].map(() => new Float32Array(grid.rows * grid.columns));
  const terms = [0, 1].map(() => new Uint8Array(grid.rows * grid.columns));
  for (let down = -radius; down <= radius; down++) {
    for (let right = -radius; right <= radius; right++) {
      const [row, col] = [mark.row + down, mark.col + right];
      if (row < 0 || row >= own.rows || col < 0 || col >= own.columns) continue;
      const direction = queryDirection(features, [{ picture: mark.picture, row, col, sign: 1 }]);
      const values = cosines(features, grid, direction);
      [right, -right].forEach((across, side) => addShifted(values, grid, down, across, sums[side], terms[side]));
    }
  }
  return sums[0].map((sum, i) => Math.max(sum / terms[0][i], sums[1][i] / terms[1][i]));
}

function addShifted(values, grid, down, across, sum, terms) {
  const { rows, columns } = grid;
  for (let row = Math.max(0, -down); row < Math.min(rows, rows - down); row++) {
    for (let col = Math.max(0, -across); col < Math.min(columns, columns - across); col++) {
      sum[row * columns + col] += values[(row + down) * columns + col + across];
      terms[row * columns + col]++;
    }
  }
}

// A mark's place in each other picture: Map of id -> {row, col, cosine, returns}. `returns`: whether the place found,
// asked in its turn, leads back to where the mark is, give or take a patch.
export function carriedPlaces(features, mark, radius) {
  const places = new Map();
  const own = features.grids.get(mark.picture);
  for (const [picture, grid] of features.grids) {
    if (picture === mark.picture) continue;
    const place = { picture, ...bestMatch(grid, neighbourCosines(features, grid, mark, radius), []) };
    const back = bestMatch(own, neighbourCosines(features, own, place, radius), []);
    place.returns = Math.abs(back.row - mark.row) <= 1 && Math.abs(back.col - mark.col) <= 1;
    places.set(picture, place);
  }
  return places;
}
