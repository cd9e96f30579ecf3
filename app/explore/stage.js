// The stage: reads its props, keeps what is shown, and draws it when something changed.
// Gradio runs it with `element`, `props`, `trigger` and `watch` in scope; the files listed in stage.py come before it.

const HEAT = "viridis";
const GAP = 12;
const CAPTION = 30;
const SETTLED_MS = 280; // a double click is no question: what is held is told to Python when it has lasted this long

const toolbar = buildToolbar();
const reading = buildReading();
const empty = buildEmpty();
const board = document.createElement("div");
board.className = "dino-board";
const stage = document.createElement("section");
stage.className = "dino-stage";
stage.setAttribute("aria-label", "Pictures");
stage.append(toolbar.bar, board, reading.line, empty);
element.replaceChildren(stage);

const heatColours = palettePixels(HEAT);
const state = {
  pictures: [],
  features: null,
  view: null,
  kind: "",
  aligned: "grid",
  smooth: true,
  split: false,
  heatShown: false,
  answering: true, // of what is held: the answer, or the view with the marks only
  large: null,
  threshold: null,
  invert: false,
  chosen: { blend: {}, smooth: {} }, // by kind of view, what the visitor set
};
let current = {}; // the props as drawn
let syncs = 0;
let frame = 0;
let cutFrame = 0;
let told = "{}";
let tellTimer = 0;
let speakTimer = 0;

const question = createQuestion((kind) => {
  if (kind === "held") {
    state.answering = true;
    clearTimeout(tellTimer);
    tellTimer = setTimeout(tell, SETTLED_MS);
  }
  schedule();
  if (kind !== "hover") speakSoon();
});

function tell() {
  const last = question.held.filter((mark) => mark.sign > 0).pop();
  const data = last ? { picture: last.picture, row: last.row, col: last.col } : {};
  if (JSON.stringify(data) === told) return;
  told = JSON.stringify(data);
  trigger("select", data);
}

// Take over whatever props changed. Everything is decoded first and then replaced at once: no flicker, no gap.
async function sync() {
  const mine = ++syncs;
  const next = { pictures: props.pictures?.pictures, features: props.features, view: props.view };
  stage.classList.toggle("dino-busy", Boolean(props.busy));
  const text = Object.fromEntries(Object.entries(next).map(([name, value]) => [name, JSON.stringify(value)]));
  const changed = (name) => text[name] !== current[name];
  const pictures = next.pictures && changed("pictures") ? await renewedPictures(next.pictures) : state.pictures;
  const view = changed("view") || changed("pictures") ? await decodedView(next.view, pictures) : null;
  if (mine !== syncs) return; // something newer came meanwhile
  if (changed("features")) state.features = decodeFeatures(next.features);
  if (changed("view")) {
    state.answering = !question.held.length || !current.view;
    state.view = next.view;
    state.kind = next.view?.kind || "";
    state.aligned = next.view?.aligned || "grid";
  }
  if (pictures !== state.pictures) placePictures(pictures);
  view?.forEach((layer, i) => (pictures[i].layer = layer));
  const lost = changed("pictures") || changed("features") ? question.renew(pictures) : false;
  current = text;
  if (lost) tell();
  applySettings();
  if (view) showView();
  stage.classList.toggle("dino-none", next.pictures?.length === 0);
  stage.classList.toggle("dino-start", !next.pictures);
  draw();
}

async function renewedPictures(infos) {
  const known = new Map(state.pictures.map((picture) => [picture.info.uri, picture]));
  return Promise.all(
    infos.map(async (info) => {
      const old = known.get(info.uri);
      if (old && JSON.stringify(old.info) === JSON.stringify(info)) return old;
      const made = buildPicture(info, await decodedImage(info.uri));
      await made.frames[1].querySelector("img").decode();
      question.listen(made);
      for (const one of made.frames) {
        one.addEventListener("dblclick", () => {
          question.undo();
          enlarge(made.info.id);
        });
      }
      made.enlarge.addEventListener("click", () => enlarge(made.info.id));
      made.save.addEventListener("click", () => savePicture(made, state));
      return made;
    }),
  );
}

async function decodedView(view, pictures) {
  const layers = view?.layers || {};
  return Promise.all(
    pictures.map((picture) => {
      const uri = layers[picture.info.id];
      return uri ? decodedLayer(uri, view.scores ? picture.image : null) : null;
    }),
  );
}

function placePictures(pictures) {
  state.pictures = pictures;
  window.dinoscope = Object.assign(window.dinoscope || {}, { pictures }); // for patches that are shown elsewhere
  if (!pictures.some((picture) => picture.info.id === state.large)) state.large = null;
  const figures = pictures.map((picture) => picture.figure);
  if (figures.some((figure, i) => board.children[i] !== figure) || board.children.length !== figures.length) {
    board.replaceChildren(...figures);
  }
}

// Draw the view's layers; scores again whenever their threshold moves.
function showView() {
  for (const picture of state.pictures) {
    picture.view.hidden = !picture.layer;
    if (!picture.layer) continue;
    placeOver(picture.view, state.aligned === "picture" ? [0, 0, 1, 1] : picture.info.covered);
    const { pixels, scores } = picture.layer;
    showPixels(picture.view, scores ? paintForeground(picture.layer, cut(), state.invert) : pixels);
  }
}

function cut() {
  return state.threshold ?? state.view?.threshold ?? 0.5;
}

function applySettings() {
  const blend = state.chosen.blend[state.kind] ?? state.view?.blend ?? 1;
  state.smooth = state.chosen.smooth[state.kind] ?? state.view?.smooth ?? true;
  toolbar.blend.value = blend;
  toolbar.blend.style.setProperty("--part", blend);
  pressed(toolbar.split, state.split);
  pressed(toolbar.smooth, state.smooth);
  stage.style.setProperty("--dino-blend", blend);
  stage.classList.toggle("dino-split", state.split);
  stage.classList.toggle("dino-patchy", !state.smooth);
  element.style.minHeight = state.large === null ? "" : `${element.offsetHeight}px`; // the page below must not jump
  stage.classList.toggle("dino-large", state.large !== null);
  document.body.classList.toggle("dino-covered", state.large !== null);
  arrange();
}

function arrange() {
  const { pictures } = state;
  if (!pictures.length || !board.clientWidth) return;
  const aspects = pictures.map(({ info }) => (info.width / info.height) * (state.split ? 2 : 1));
  const chosen = pictures.findIndex((picture) => picture.info.id === state.large);
  const width = board.clientWidth;
  const placed =
    chosen >= 0
      ? enlarged(aspects, chosen, width, window.innerHeight - 170, GAP, CAPTION)
      : justified(aspects, width, roomBelow(), GAP, CAPTION);
  placeRows(board, pictures, aspects, placed, GAP, CAPTION);
  if (state.split) for (const { size } of pictures) size.width /= 2;
}

// Height for the pictures such that stage and reading fit in the window, where that leaves enough of it.
function roomBelow() {
  const above = board.getBoundingClientRect().top + window.scrollY;
  return Math.min(Math.max(window.innerHeight - above - 110, window.innerHeight * 0.62), window.innerHeight * 0.85);
}

function schedule() {
  if (!frame) frame = requestAnimationFrame(draw);
}

// The marks, and the heat map where a question is asked.
function draw() {
  cancelAnimationFrame(frame);
  frame = 0;
  const start = performance.now();
  const { held, hover } = question;
  const asked = held.length ? held : hover ? [hover] : [];
  const fits = state.features && asked.every((mark) => gridFits(mark.picture));
  const found = asked.length && fits ? answers(state.features, asked) : null;
  state.heatShown = Boolean(found) && (!held.length || state.answering);
  stage.classList.toggle("dino-answering", state.heatShown);
  for (const picture of state.pictures) drawAnswer(picture, found?.get(picture.info.id), held, hover);
  if (state.heatShown) readAnswer(reading, HEAT, state.features.low, asked, held.length > 0);
  else readView(reading, state.view);
  reading.actions.hidden = !held.length;
  reading.back.textContent = state.answering ? "Show the view" : "Show the answer";
  performance.clearMeasures("dino-draw");
  performance.measure("dino-draw", { start });
}

function gridFits(id) {
  const grid = state.features.grids.get(id);
  const picture = state.pictures.find((one) => one.info.id === id);
  return grid && picture && grid.rows === picture.info.rows && grid.columns === picture.info.columns;
}

function drawAnswer(picture, answer, held, hover) {
  const { id, rows, columns } = picture.info;
  const here = hover?.picture === id ? { row: hover.row, col: hover.col } : null;
  const shown = state.heatShown && answer && gridFits(id);
  picture.heat.hidden = !shown;
  if (shown) {
    if (picture.heatPixels?.width !== columns || picture.heatPixels.height !== rows) {
      picture.heatPixels = new ImageData(columns, rows);
    }
    showPixels(picture.heat, paintHeat(picture.heatPixels, answer.values, state.features.low, heatColours));
    if (here && held.length) here.cosine = answer.values[here.row * columns + here.col];
  }
  const marks = held.filter((mark) => mark.picture === id);
  picture.frames.forEach((one) => one.classList.toggle("dino-holds", marks.length > 0));
  showMarks(picture, marks, here, shown ? answer.best : null);
}

// Tell those who do not see the rings. Only for keys and held questions: a moving pointer would never stop talking.
function speakSoon() {
  clearTimeout(speakTimer);
  speakTimer = setTimeout(() => {
    const found = (picture) => picture.frame.querySelector(".dino-ring span")?.textContent ?? "none";
    const rings = state.heatShown ? state.pictures.map((picture) => `${picture.info.name} ${found(picture)}`) : [];
    const at = question.hover ? `Row ${question.hover.row + 1}, column ${question.hover.col + 1}. ` : "";
    reading.spoken.textContent = rings.length ? `${at}Best matches: ${rings.join(", ")}.` : at || "No question.";
  }, 250);
}

function enlarge(id) {
  state.large = state.large === id ? null : id;
  applySettings();
  draw();
}

toolbar.blend.addEventListener("input", () => {
  state.chosen.blend[state.kind] = Number(toolbar.blend.value);
  applySettings();
});
toolbar.split.addEventListener("click", () => {
  state.split = !state.split;
  applySettings();
});
toolbar.smooth.addEventListener("click", () => {
  state.chosen.smooth[state.kind] = !state.smooth;
  applySettings();
});
toolbar.save.addEventListener("click", () => saveStage(board, state, reading));
toolbar.close.addEventListener("click", () => enlarge(state.large));
reading.clear.addEventListener("click", () => question.clear());
reading.back.addEventListener("click", () => {
  state.answering = !state.answering;
  draw();
});

const outside = outsideOf(element);
outside(document, "keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || !stage.getClientRects().length) return;
  if (state.large !== null) enlarge(state.large);
  else question.clear();
});
outside(window, "dinoscope:threshold", (event) => {
  state.threshold = event.detail.threshold;
  state.invert = event.detail.invert;
  if (!state.view?.scores) return;
  cancelAnimationFrame(cutFrame);
  cutFrame = requestAnimationFrame(showView);
});
// A patch pointed at in a figure: {mark: {picture, row, col} or null, event: the click that holds it}.
outside(window, "dinoscope:patch", ({ detail: { mark, event } }) => {
  const info = mark && state.pictures.find((picture) => picture.info.id === mark.picture)?.info;
  const there = info && mark.row < info.rows && mark.col < info.columns;
  if (!event) question.point(there ? info : undefined, mark?.row, mark?.col);
  else if (there) question.hold(info, mark.row, mark.col, event);
});
outside(window, "resize", arrange);
new ResizeObserver(arrange).observe(stage);

watch(["pictures", "features", "view", "busy"], sync);
state.threshold = window.dinoscope?.threshold ?? null;
state.invert = window.dinoscope?.invert ?? false;
sync();
