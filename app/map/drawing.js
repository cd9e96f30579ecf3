// What is seen of the map: its points, and over them their pictures, rings round some of them, lines to those most alike
// to the clicked one, the line being drawn.
// `map` is what map.js makes: its elements, `camera`, `painter`, `thumbnails` and `state`.

const GLIDE_MS = 1100;
const MOST_RINGS = 3000; // chosen points that each have a ring; more take too long to draw

// How far points are on their way to new places, 0 to 1.
export function eased({ started }) {
  const t = Math.min(1, Math.max(0, (performance.now() - started) / GLIDE_MS));
  return t * t * (3 - 2 * t);
}

export function pointSide({ state, camera }) {
  const count = state.levels?.length || 1;
  const zoom = Math.sqrt(camera.scale / camera.whole);
  return Math.min(16, Math.max(2.5, (150 / Math.sqrt(count)) * zoom));
}

// Where a point is on the screen, in px of the map.
export function placeOf({ state, camera }, id, share = eased(state)) {
  const [i, j] = [2 * id, 2 * id + 1];
  const { from, to } = state;
  return camera.toScreen(from[i] + (to[i] - from[i]) * share, from[j] + (to[j] - from[j]) * share);
}

// Whether a point's bit is set; the first is the highest of its byte.
export function hasBit(bits, id) {
  return ((bits[id >> 3] >> (7 - (id & 7))) & 1) === 1;
}

// Whether the filter leaves a point; and whether it is looked at, which it is not beside a kind that is shown alone.
export function isLeft({ lit }, id) {
  return !lit || hasBit(lit, id);
}

export function isLookedAt(state, id) {
  return isLeft(state, id) && (state.alone === null || state.levels[id] === state.alone);
}

// `ratio`: pixels for each px, where it is not the screen's.
export function drawMap(map, ratio = 0) {
  const { camera, painter, over, state } = map;
  camera.measure();
  if (ratio) camera.ratio = ratio;
  for (const canvas of [painter.canvas, over]) {
    const [width, height] = [Math.round(camera.width * camera.ratio), Math.round(camera.height * camera.ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  }
  state.share = eased(state);
  painter.draw({ ...camera, share: state.share, side: pointSide(map) });
  const context = over.getContext("2d");
  context.setTransform(camera.ratio, 0, 0, camera.ratio, 0, 0);
  context.clearRect(0, 0, camera.width, camera.height);
  if (!state.to) return;
  const colours = getComputedStyle(map.box);
  drawChosen(map, context, colours.getPropertyValue("--dino-accent"));
  drawNear(map, context, colours.getPropertyValue("--dino-ink"));
  if (state.share === 1) drawPictures(map, context);
  drawRings(map, context, colours.getPropertyValue("--dino-ink"));
  if (state.line.length > 1) drawLine(state.line, context, colours.getPropertyValue("--dino-accent"));
}

function drawPictures(map, context) {
  const { state, camera, thumbnails } = map;
  const seen = state.index.visible(...camera.window(), thumbnails.mostFor(camera)) || [];
  const shown = seen.filter((id) => isLookedAt(state, id));
  const side = thumbnails.sideFor(seen.length, camera);
  thumbnails.want(shown);
  for (const id of shown) thumbnails.drawOne(context, id, ...placeOf(map, id), side, state.hex[state.levels[id]]);
  if (!seen.length) drawMedoids(map, context);
}

// Each group's picture stands on the group while points are too many to be pictures themselves.
function drawMedoids(map, context) {
  const { state, thumbnails } = map;
  thumbnails.want(state.legend.map((entry) => entry.medoid).filter((id) => id >= 0));
  for (const entry of state.legend) {
    if (!(entry.medoid >= 0) || !isLookedAt(state, entry.medoid)) continue;
    thumbnails.drawOne(context, entry.medoid, ...placeOf(map, entry.medoid), 40, entry.colour);
  }
}

function drawChosen(map, context, colour) {
  const { chosen } = map.state;
  if (chosen.length > MOST_RINGS) return;
  context.strokeStyle = colour;
  context.lineWidth = 2;
  for (const id of chosen) {
    context.beginPath();
    context.arc(...placeOf(map, id), pointSide(map) / 2 + 2, 0, 7);
    context.stroke();
  }
}

// A line from the clicked point to each of those most alike to it, the best the strongest, and a ring round each.
function drawNear(map, context, colour) {
  const { near } = map.state;
  if (!near) return;
  const from = placeOf(map, near.id);
  context.strokeStyle = colour;
  near.items.forEach(({ id }, rank) => {
    const to = placeOf(map, id);
    context.globalAlpha = 0.9 - (0.55 * rank) / near.items.length;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    context.beginPath();
    context.arc(...to, pointSide(map) / 2 + 4, 0, 7);
    context.stroke();
  });
  context.globalAlpha = 1;
}

function drawRings(map, context, colour) {
  for (const [id, width] of [[map.state.hover, 2], [map.state.picked, 3]]) {
    if (id < 0) continue;
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    context.arc(...placeOf(map, id), pointSide(map) / 2 + 4, 0, 7);
    context.stroke();
  }
}

function drawLine(line, context, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.setLineDash([6, 4]);
  context.beginPath();
  line.forEach(({ x, y }) => context.lineTo(x, y));
  context.closePath();
  context.stroke();
  context.setLineDash([]);
}
