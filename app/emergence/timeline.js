// The same pictures at every step of a training run: dragging the handle draws them anew from numbers that were sent once.
// Gradio runs it with `element`, `props` and `watch` in scope; the files listed in stage.py come before it.

const HEAT = "viridis";
const GAP = 12;
const CAPTION = 30;
const BELOW = 250; // px for the curves
const TIMELINE_VIEWS = {
  pca: ["PCA", "The first three components of all pictures' patches at this step as red, green and blue. Equal colours " +
    "mean similar features; colours are turned to keep their meaning from step to step."],
  foreground: ["Foreground", "What the features of this step take for object is left as it is, the ground is dark. Nobody told " +
    "the network what an object is."],
  matches: ["Matches", "Patches of the first picture's object and their mutual nearest neighbours in the others, " +
    "coloured by where they lie on the first. Click another picture's name to start from it."],
};
const BLEND = { pca: 0.85, foreground: 1, matches: 1 };
const SOFT = 0.12; // of the foreground's edge, in scores

const toolbar = make("div", "dino-toolbar");
const tabs = Object.entries(TIMELINE_VIEWS).map(([view, [label]]) => {
  const button = switchButton(label);
  button.addEventListener("click", () => setView(view));
  button.dataset.view = view;
  return button;
});
const swipe = switchButton("Compare with the first step");
const part = make("input", "", { type: "range", min: "0", max: "1", step: "0.005", value: "0.5", "aria-label": "Swipe between first step and this one" });
const swipeLine = make("label", "dino-blend dino-swipe", {}, make("span", "", {}, "First"), part, make("span", "", {}, "This step"));
const title = make("span", "dino-run-title");
toolbar.append(...tabs, swipe, swipeLine, make("span", "dino-space"), title);
const board = make("div", "dino-board");
const reading = buildReading();
const curves = buildCurves((place) => goTo(place));
const empty = make("div", "dino-empty", {}, make("p", "dino-title", {}, "No timeline is shown"), make("p", "dino-why"));
const stage = make("section", "dino-stage dino-timeline", { "aria-label": "Timeline of a training run" });
stage.append(toolbar, board, curves.element, reading.line, empty);
element.replaceChildren(stage);

const heatColours = palettePixels(HEAT);
const state = { id: null, pictures: [], moments: [], place: 0, view: "pca", swipe: false, reference: 0 };
const question = createQuestion(() => schedule());
let frame = 0;
let syncs = 0;

async function sync() {
  const mine = ++syncs;
  stage.classList.toggle("dino-busy", Boolean(props.busy));
  const told = props.timeline || {};
  const infos = told.pictures || [];
  const same = told.id === state.id;
  const pictures = same ? state.pictures : await Promise.all(infos.map(madePicture));
  if (mine !== syncs) return;
  const atEnd = state.place >= state.moments.length - 1;
  const known = new Map(same ? state.moments.map((moment) => [moment.step, moment]) : []);
  state.moments = (told.moments || []).map((moment) => known.get(moment.step) || moment);
  if (!same) {
    Object.assign(state, { id: told.id, pictures, reference: 0 });
    board.replaceChildren(...pictures.map((picture) => picture.figure));
    question.renew(pictures);
  }
  title.textContent = told.title || "";
  stage.classList.toggle("dino-none", !state.moments.length);
  empty.querySelector(".dino-why").textContent = told.why || "";
  if (!same || atEnd) state.place = Math.max(state.moments.length - 1, 0); // whoever looks at the newest goes along
  curves.show(told.series || [], state.moments.map((moment) => moment.step));
  arrange();
  goTo(state.place);
  obey();
}

async function madePicture(info) {
  const picture = buildPicture(info, await decodedImage(info.uri));
  await picture.frames[1].querySelector("img").decode();
  picture.enlarge.remove();
  picture.save.addEventListener("click", () => savePicture(picture, saved()));
  question.listen(picture);
  const before = { view: make("canvas", "dino-view dino-first"), heat: make("canvas", "dino-heat dino-first") };
  for (const canvas of [before.view, before.heat]) {
    placeOver(canvas, info.covered);
    picture.frame.insertBefore(canvas, picture.layers[1]);
  }
  placeOver(picture.view, info.covered);
  picture.frame.insertBefore(make("div", "dino-swipe-line"), picture.layers[1]);
  const name = picture.figure.querySelector(".dino-name");
  name.title = info.credit ? `${info.name}: ${info.credit}` : info.name;
  name.addEventListener("click", () => {
    state.reference = state.pictures.indexOf(picture);
    schedule();
  });
  return Object.assign(picture, { before });
}

function saved() {
  return { split: false, heatShown: stage.classList.contains("dino-answering"), aligned: "grid", smooth: true, kind: state.view };
}

// The numbers of one moment, picture by picture; decoded when they are first looked at.
function decoded(moment) {
  if (moment.decoded) return moment.decoded;
  const [all, colours, scores] = [moment.features, moment.colours, moment.foreground].map(bytesOf);
  const features = { dims: moment.scales.length, scales: Float32Array.from(moment.scales), grids: new Map(), low: 0 };
  const painted = new Map();
  let first = 0;
  for (const { info } of state.pictures) {
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

function goTo(place) {
  state.place = Math.min(Math.max(place, 0), Math.max(state.moments.length - 1, 0));
  curves.point(state.place);
  schedule();
}

function setView(view) {
  state.view = view;
  question.clear();
  schedule();
}

function schedule() {
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  const moment = state.moments[state.place];
  if (!moment) return;
  const start = performance.now();
  const { held, hover } = question;
  const asked = held.length ? held : hover ? [hover] : [];
  stage.classList.toggle("dino-swiping", state.swipe);
  stage.style.setProperty("--dino-blend", BLEND[state.view]);
  stage.style.setProperty("--swipe", `${part.value * 100}%`);
  stage.classList.toggle("dino-answering", asked.length > 0);
  tabs.forEach((tab) => pressed(tab, tab.dataset.view === state.view));
  pressed(swipe, state.swipe);
  const now = { numbers: decoded(moment), answers: null };
  const first = state.swipe ? { numbers: decoded(state.moments[0]), answers: null } : null;
  for (const side of [now, first]) if (side && asked.length) side.answers = answers(side.numbers.features, asked);
  for (const picture of state.pictures) {
    paintSide(picture, picture, now);
    if (first) paintSide(picture, picture.before, first);
    picture.figure.classList.toggle("dino-reference", state.view === "matches" && picture === state.pictures[state.reference]);
    const { id } = picture.info;
    const here = hover?.picture === id ? { row: hover.row, col: hover.col } : null;
    showMarks(picture, held.filter((mark) => mark.picture === id), here, now.answers?.get(id)?.best ?? null);
  }
  read(now.numbers.features.low, asked, held);
  performance.clearMeasures("dino-draw");
  performance.measure("dino-draw", { start });
}

// One moment's view and answer on one pair of canvases of a picture.
function paintSide(picture, canvases, side) {
  const { info } = picture;
  const answer = side.answers?.get(info.id);
  canvases.heat.hidden = !answer;
  canvases.view.hidden = false;
  const pixels = new ImageData(info.columns, info.rows);
  if (answer) showPixels(canvases.heat, paintHeat(pixels, answer.values, side.numbers.features.low, heatColours));
  else if (state.view === "matches") paintDots(canvases.view, info, dotsOf(side.numbers, info.id));
  else showPixels(canvases.view, paintGrid(pixels, side.numbers.painted.get(info.id), side.numbers.threshold));
}

// Colours as they are; scores as a dark veil over the ground.
function paintGrid(pixels, { colours, scores }, threshold) {
  for (let i = 0; i < scores.length; i++) {
    const at = 4 * i;
    if (state.view === "pca") {
      for (let k = 0; k < 3; k++) pixels.data[at + k] = colours[3 * i + k];
      pixels.data[at + 3] = 255;
    } else {
      const ground = Math.min(Math.max((threshold - scores[i] / 255) / SOFT + 0.5, 0), 1);
      pixels.data.set([10, 14, 13, Math.round(ground * 215)], at);
    }
  }
  return pixels;
}

// Dots of the matches view for one picture: on the reference, those that have a match anywhere.
function dotsOf(numbers, id) {
  const reference = state.pictures[state.reference].info;
  const key = reference.id;
  if (!numbers.dots.has(key)) numbers.dots.set(key, allDots(numbers, reference));
  return numbers.dots.get(key).get(id);
}

function allDots({ features, painted, threshold }, reference) {
  const from = features.grids.get(reference.id);
  const { scores } = painted.get(reference.id);
  const kept = Uint8Array.from(scores, (score) => Number(score > threshold * 255));
  const colour = (patch) => placeColour(Math.floor(patch / from.columns), patch % from.columns, from.rows, from.columns);
  const dots = new Map();
  const used = new Set();
  for (const [id, to] of features.grids) {
    if (id === reference.id) continue;
    const pairs = mutualMatches(features, from, to, kept);
    pairs.forEach((pair) => used.add(pair.from));
    dots.set(id, pairs.map((pair) => ({ patch: pair.to, colour: colour(pair.from) })));
  }
  return dots.set(reference.id, [...used].map((patch) => ({ patch, colour: colour(patch) })));
}

function read(low, asked, held) {
  if (asked.length) readAnswer(reading, HEAT, low, asked, held.length > 0);
  else readView(reading, { caption: TIMELINE_VIEWS[state.view][1] });
  reading.actions.hidden = !held.length;
  reading.back.hidden = true;
}

// What the tour wants to be seen, once there is something: {at: "first" | "last" | "play", view, swipe}.
function obey() {
  const wanted = window.dinoscope?.wanted;
  if (!wanted || !state.moments.length) return;
  delete window.dinoscope.wanted;
  state.swipe = wanted.swipe;
  setView(wanted.view);
  if (wanted.at === "play") curves.play();
  else goTo(wanted.at === "first" ? 0 : state.moments.length - 1);
}

function arrange() {
  const { pictures } = state;
  if (!pictures.length || !board.clientWidth) return;
  const aspects = pictures.map(({ info }) => info.width / info.height);
  const above = board.getBoundingClientRect().top + window.scrollY;
  const room = Math.max(window.innerHeight - above - BELOW, 320);
  placeRows(board, pictures, aspects, justified(aspects, board.clientWidth, room, GAP, CAPTION), GAP, CAPTION);
}

swipe.addEventListener("click", () => {
  state.swipe = !state.swipe;
  schedule();
});
part.addEventListener("input", schedule);
reading.clear.addEventListener("click", () => question.clear());

const outside = outsideOf(element);
outside(document, "keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && stage.getClientRects().length) question.clear();
});
outside(window, "dinoscope:timeline", obey);
outside(window, "resize", arrange);
new ResizeObserver(arrange).observe(board);

watch(["timeline", "busy"], sync);
sync();
