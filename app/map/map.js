// The map: points that become pictures as one nears them, hovered, clicked, drawn round.
// Called by Gradio with `element`, `props`, `trigger`, `watch` and `server` in scope.
//
// Props: `places` {token, data (base64 float32 [n, 2]), caption}, `colours` {token, data (base64 uint8 [n]), table
// (256 colours #rrggbb), legend: [{level, colour, name, count, medoid, uri}], scale}, `note`, `empty`; and `inline`, what
// is known of each point by id, for a map without a server.
// Events: "select" {token, id}, "submit" {token, id} (open it), "input" {token, ids} (drawn round).

const GLIDE_MS = 1100;
const REACH = 14; // px from a point that still mean it
const box = document.createElement("div");
box.className = "dino-atlas";
box.innerHTML =
  '<div class="dino-map" tabindex="0" role="application"><canvas class="dino-points"></canvas>' +
  '<canvas class="dino-map-over"></canvas><div class="dino-map-empty" hidden></div><figure class="dino-card" hidden></figure></div>' +
  '<div class="dino-map-tools"></div><div class="dino-map-legend"></div>' +
  '<p class="dino-map-note" role="status"></p><p class="dino-map-said" role="status" aria-live="polite"></p>';
element.replaceChildren(box);
const part = (name) => box.querySelector(`.dino-${name}`);
const [surface, over, card] = [part("map"), part("map-over"), part("card")];
surface.setAttribute(
  "aria-label",
  "Map of pictures. Arrows go from point to point, plus and minus zoom, Enter opens, L draws round points, 0 shows all.",
);

let painter = createPainter(part("points"), () => {
  painter = createFlatPainter(painter.canvas);
  box.dataset.painter = painter.kind;
  loadPoints();
});
const camera = createCamera(surface);
const state = { token: "", from: null, to: null, share: 1, started: 0, index: null, hover: -1, picked: -1, line: [] };
Object.assign(state, { levels: null, table: null, hex: [], legend: [], alone: null, lasso: false, chosen: new Set() });
const pictures = createPictures(fetchSome, () => {
  fillCard();
  draw();
});

function fetchSome(ids) {
  if (props.inline) return Promise.resolve(Object.fromEntries(ids.map((id) => [id, props.inline[id]])));
  return server.about({ token: state.token, ids });
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function newPlaces() {
  const sent = props.places;
  if (!sent?.data) return clear();
  const to = new Float32Array(bytesOf(sent.data).buffer);
  const same = sent.token === state.token && state.to && state.to.length === to.length;
  state.from = same ? mixedPlaces(state.from, state.to, eased()) : to;
  state.to = to;
  state.started = same && !reduced() ? performance.now() : -Infinity;
  if (!same) {
    Object.assign(state, { token: sent.token, hover: -1, picked: -1, alone: null, chosen: new Set() });
    pictures.forget();
  }
  state.index = indexPlaces(to);
  camera.measure();
  camera.fit(state.index.bounds);
  newColours();
  surface.setAttribute("aria-description", sent.caption || "");
}

function clear() {
  Object.assign(state, { from: null, to: null, levels: null, index: null, legend: [], hover: -1, picked: -1 });
  newColours();
}

function reduced() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function newColours() {
  const sent = props.colours;
  const fits = sent?.data && state.to && sent.token === state.token;
  state.levels = fits ? bytesOf(sent.data) : new Uint8Array(state.to ? state.to.length / 2 : 0);
  state.hex = fits ? sent.table : Array(256).fill("#0072b2");
  state.legend = fits ? sent.legend : [];
  state.scale = fits ? sent.scale : null;
  state.alone = null;
  loadPoints();
  drawLegend();
}

// Colours as the painter takes them; what is not looked at is faint.
function loadPoints() {
  const table = new Uint8Array(1024);
  state.hex.forEach((hex, level) => {
    const faint = state.alone !== null && state.alone !== level;
    table.set([1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)), 4 * level);
    table[4 * level + 3] = faint ? 26 : 235;
  });
  if (state.to) painter.load(state.from, state.to, state.levels, table);
  else painter.load(new Float32Array(0), new Float32Array(0), new Uint8Array(0), table);
  part("map-empty").hidden = Boolean(state.to);
  part("map-empty").textContent = props.empty || "";
  draw();
}

function eased() {
  const t = Math.min(1, Math.max(0, (performance.now() - state.started) / GLIDE_MS));
  return t * t * (3 - 2 * t);
}

let due = 0;
function draw() {
  if (!due) due = requestAnimationFrame(paint);
}

function size() {
  camera.measure();
  for (const canvas of [painter.canvas, over]) {
    const [width, height] = [Math.round(camera.width * camera.ratio), Math.round(camera.height * camera.ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  }
}

function pointSide() {
  const count = state.levels?.length || 1;
  const zoom = Math.sqrt(camera.scale / camera.whole);
  return Math.min(16, Math.max(2.5, (150 / Math.sqrt(count)) * zoom));
}

function placeOf(id, share = eased()) {
  const [i, j] = [2 * id, 2 * id + 1];
  const { from, to } = state;
  return camera.toScreen(from[i] + (to[i] - from[i]) * share, from[j] + (to[j] - from[j]) * share);
}

function paint() {
  due = 0;
  if (!box.isConnected || !surface.getClientRects().length) return;
  size();
  state.share = eased();
  painter.draw({ ...camera, share: state.share, side: pointSide() });
  drawOver();
  if (state.share < 1) draw();
}

function drawOver() {
  const context = over.getContext("2d");
  context.setTransform(camera.ratio, 0, 0, camera.ratio, 0, 0);
  context.clearRect(0, 0, camera.width, camera.height);
  if (!state.to) return;
  const colours = getComputedStyle(box);
  if (state.share === 1) {
    const seen = state.index.visible(...camera.window(), MOST_SEEN) || [];
    const shown = state.alone === null ? seen : seen.filter((id) => state.levels[id] === state.alone);
    const side = pictures.sideFor(seen.length, camera);
    pictures.want(shown);
    for (const id of shown) pictures.drawOne(context, id, ...placeOf(id), side, state.hex[state.levels[id]]);
    if (!seen.length) drawMedoids(context);
  }
  const ink = colours.getPropertyValue("--dino-ink");
  for (const [id, width] of [[state.hover, 2], [state.picked, 3]]) {
    if (id < 0) continue;
    context.lineWidth = width;
    context.strokeStyle = ink;
    context.beginPath();
    context.arc(...placeOf(id), pointSide() / 2 + 4, 0, 7);
    context.stroke();
  }
  if (state.line.length > 1) {
    context.strokeStyle = colours.getPropertyValue("--dino-accent");
    context.lineWidth = 2;
    context.setLineDash([6, 4]);
    context.beginPath();
    state.line.forEach(({ x, y }) => context.lineTo(x, y));
    context.closePath();
    context.stroke();
    context.setLineDash([]);
  }
}

// Each group's picture stands on the group while points are too many to be pictures themselves.
function drawMedoids(context) {
  const medoids = state.legend.map((entry) => entry.medoid).filter((id) => id >= 0);
  pictures.want(medoids);
  for (const entry of state.legend) {
    if (!(entry.medoid >= 0) || (state.alone !== null && state.alone !== entry.level)) continue;
    pictures.drawOne(context, entry.medoid, ...placeOf(entry.medoid), 40, entry.colour);
  }
}

function drawLegend() {
  const legend = part("map-legend");
  legend.replaceChildren();
  if (state.scale) {
    const bar = document.createElement("span");
    bar.className = "dino-map-scale";
    bar.style.background = `linear-gradient(to right, ${state.hex.filter((_, i) => i % 17 === 0).join(", ")})`;
    legend.append(state.scale[0], bar, state.scale[1]);
  }
  for (const entry of state.legend) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", String(state.alone === entry.level));
    button.title = "Show these alone";
    const swatch = document.createElement(entry.uri ? "img" : "i");
    if (entry.uri) Object.assign(swatch, { src: entry.uri, alt: "" });
    swatch.style.setProperty("--swatch", entry.colour);
    button.append(swatch, `${entry.name} · ${entry.count.toLocaleString("en")}`);
    button.addEventListener("click", () => {
      state.alone = state.alone === entry.level ? null : entry.level;
      loadPoints();
      drawLegend();
    });
    legend.append(button);
  }
}
