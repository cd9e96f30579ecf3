// Where pictures of given aspects (width / height) go: rows of equal height, as large as the room allows.

export const GAP = 12; // px between pictures
export const CAPTION = 30; // px below each

// -> {rows: [[index, ...], ...], heights: [px per row]}. `extra` px below each picture hold its caption.
export function justified(aspects, width, height, gap, extra) {
  let best = { worth: -Infinity, rows: [], heights: [] };
  for (let breaks = 0; breaks < 1 << Math.max(aspects.length - 1, 0); breaks++) {
    const rows = brokenInto(aspects.length, breaks);
    const natural = rows.map((row) => (width - gap * (row.length - 1)) / row.reduce((sum, i) => sum + aspects[i], 0));
    const room = height - extra * rows.length;
    const scale = Math.min(1, Math.max(room, 60 * rows.length) / natural.reduce((a, b) => a + b, 0));
    const heights = natural.map((tall) => tall * scale);
    // the sum of 1 / area: a large picture does not make up for a tiny one
    const areas = rows.flatMap((row, r) => row.map((i) => aspects[i] * heights[r] ** 2));
    const worth = areas.reduce((sum, area) => sum - 1 / area, 0);
    if (worth > best.worth) best = { worth, rows, heights };
  }
  return best;
}

// Pictures in order, a new row after picture i where bit i of `breaks` is set.
function brokenInto(count, breaks) {
  const rows = [];
  for (let i = 0; i < count; i++) {
    if (i === 0 || (breaks >> (i - 1)) & 1) rows.push([]);
    rows[rows.length - 1].push(i);
  }
  return rows;
}

// One picture as large as possible, the others below it: in a thin row, or in what a narrow window leaves them.
export function enlarged(aspects, chosen, width, height, gap, extra) {
  const others = aspects.map((_, i) => i).filter((i) => i !== chosen);
  if (!others.length) return justified(aspects, width, height, gap, extra);
  const sum = others.reduce((total, i) => total + aspects[i], 0);
  const thin = Math.min(height * 0.16, (width - gap * (others.length - 1)) / sum);
  const tall = Math.max(Math.min(height - thin - gap - 2 * extra, width / aspects[chosen]), 120);
  const left = Math.max(height - tall - extra, thin + extra);
  const below = justified(others.map((i) => aspects[i]), width, left, gap, extra);
  return { rows: [[chosen], ...below.rows.map((row) => row.map((i) => others[i]))], heights: [tall, ...below.heights] };
}

// Put the figures of pictures on a board in rows as `justified` gives them; each learns the size of its picture.
export function placeRows(board, pictures, aspects, { rows, heights }, gap, extra) {
  let top = 0;
  rows.forEach((row, r) => {
    const wide = row.reduce((sum, i) => sum + aspects[i] * heights[r], gap * (row.length - 1));
    let left = (board.clientWidth - wide) / 2;
    for (const i of row) {
      const { figure } = pictures[i];
      const own = aspects[i] * heights[r];
      pictures[i].size = { width: own, height: heights[r] };
      Object.assign(figure.style, { left: `${left}px`, top: `${top}px`, width: `${own}px` });
      figure.style.setProperty("--tall", `${heights[r]}px`);
      figure.classList.toggle("dino-small", own < 130);
      left += own + gap;
    }
    top += heights[r] + extra;
  });
  board.style.height = `${top}px`;
}
