// Where the points of a map are: found again by a place, a shape or a direction without looking at all of them.

const CELLS = 96; // a side; 100,000 points make some 40 in each cell that is not empty

// -> {nearest, inside, towards, visible, bounds}; `places` is Float32Array [x, y, ...].
export function indexPlaces(places) {
  const count = places.length / 2;
  const bounds = boundsOf(places);
  const side = Math.max(bounds.right - bounds.left, bounds.top - bounds.bottom, 1e-9) / CELLS;
  const cell = (value, low) => Math.min(CELLS - 1, Math.max(0, Math.floor((value - low) / side)));
  const starts = new Uint32Array(CELLS * CELLS + 1);
  const home = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    home[i] = cell(places[2 * i + 1], bounds.bottom) * CELLS + cell(places[2 * i], bounds.left);
    starts[home[i] + 1]++;
  }
  for (let c = 0; c < CELLS * CELLS; c++) starts[c + 1] += starts[c];
  const next = starts.slice();
  const members = new Uint32Array(count);
  for (let i = 0; i < count; i++) members[next[home[i]]++] = i;

  function each(left, bottom, right, top, visit) {
    if (right < bounds.left || left > bounds.right || top < bounds.bottom || bottom > bounds.top) return;
    for (let row = cell(bottom, bounds.bottom); row <= cell(top, bounds.bottom); row++) {
      const first = starts[row * CELLS + cell(left, bounds.left)];
      const last = starts[row * CELLS + cell(right, bounds.left) + 1];
      for (let at = first; at < last; at++) {
        const i = members[at];
        const [x, y] = [places[2 * i], places[2 * i + 1]];
        if (x >= left && x <= right && y >= bottom && y <= top && visit(i, x, y) === false) return;
      }
    }
  }

  function nearest(x, y, radius) {
    let best = -1;
    let least = radius * radius;
    each(x - radius, y - radius, x + radius, y + radius, (i, px, py) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance <= least) [best, least] = [i, distance];
    });
    return best;
  }

  // Points inside a closed line [[x, y], ...], by the even-odd rule.
  function inside(shape) {
    const found = [];
    const xs = shape.map((corner) => corner[0]);
    const ys = shape.map((corner) => corner[1]);
    each(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), (i, x, y) => {
      let odd = false;
      for (let a = 0, b = shape.length - 1; a < shape.length; b = a++) {
        const crosses = ys[a] > y !== ys[b] > y;
        if (crosses && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a]) odd = !odd;
      }
      if (odd) found.push(i);
    });
    return found;
  }

  // The next point from one in a direction (dx, dy): near, and less than 60° off.
  function towards(from, dx, dy) {
    const [x, y] = [places[2 * from], places[2 * from + 1]];
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < count; i++) {
      if (i === from) continue;
      const [ax, ay] = [places[2 * i] - x, places[2 * i + 1] - y];
      const along = ax * dx + ay * dy;
      const distance = Math.hypot(ax, ay);
      if (along <= distance * 0.5 || distance === 0) continue;
      const cost = distance * distance / along;
      if (cost < least) [best, least] = [i, cost];
    }
    return best;
  }

  // Points in a rectangle, at most `most` of them; null where there are more.
  function visible(left, bottom, right, top, most) {
    const found = [];
    each(left, bottom, right, top, (i) => found.push(i) <= most);
    return found.length > most ? null : found;
  }

  return { nearest, inside, towards, visible, bounds };
}

function boundsOf(places) {
  const bounds = { left: Infinity, right: -Infinity, bottom: Infinity, top: -Infinity };
  for (let i = 0; i < places.length; i += 2) {
    bounds.left = Math.min(bounds.left, places[i]);
    bounds.right = Math.max(bounds.right, places[i]);
    bounds.bottom = Math.min(bounds.bottom, places[i + 1]);
    bounds.top = Math.max(bounds.top, places[i + 1]);
  }
  return bounds;
}

export function mixedPlaces(from, to, share) {
  return from.map((value, i) => value + (to[i] - value) * share);
}
