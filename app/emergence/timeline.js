// The same pictures at every step of a training run: dragging the handle draws them anew from numbers that were sent once.

import { make, outsideOf } from "../page/elements.js";
import { HEAT, decodedImage, showHeat, showPixels } from "../page/layers.js";
import { CAPTION, GAP, justified, placeRows } from "../page/layout.js";
import { buildPicture, placeOver, showMarks } from "../page/picture.js";
import { createQuestion } from "../page/question.js";
import { savePicture } from "../page/saving.js";
import { answers, scaleOf } from "../page/similarity.js";
import { buildReading, pressed, readAnswer, readView, switchButton } from "../page/toolbar.js";
import { buildCurves } from "./curves.js";
import { paintDots } from "./matching.js";
import { decoded, dotsOf, paintColours, paintGround } from "./moments.js";

const BELOW = 250; // px for the curves
const VIEWS = {
  pca: ["PCA", "The first three components of all pictures' patches at this step as red, green and blue. Equal colours " +
    "mean similar features; colours are turned to keep their meaning from step to step."],
  foreground: ["Foreground", "What the features of this step take for object is left as it is, the ground is dark. Nobody told " +
    "the network what an object is."],
  matches: ["Matches", "Patches of the first picture's object and their mutual nearest neighbours in the others, " +
    "coloured by where they lie on the first. Click another picture's name to start from it."],
};
const BLEND = { pca: 0.85, foreground: 1, matches: 1 };

function buildTools(setView) {
  const tabs = Object.entries(VIEWS).map(([view, [label]]) => {
    const button = switchButton(label);
    button.addEventListener("click", () => setView(view));
    button.dataset.view = view;
    return button;
  });
  const swipe = switchButton("Compare with the first step");
  const range = { type: "range", min: "0", max: "1", step: "0.005", value: "0.5" };
  const part = make("input", "", { ...range, "aria-label": "Swipe between first step and this one" });
  const ends = [make("span", "", {}, "First"), part, make("span", "", {}, "This step")];
  const title = make("span", "dino-run-title");
  const line = [...tabs, swipe, make("label", "dino-blend dino-swipe", {}, ...ends), make("span", "dino-space"), title];
  return { bar: make("div", "dino-toolbar", {}, ...line), tabs, swipe, part, title };
}

// Canvases for the first step beside those of the one that is shown.
function addFirstStep(picture) {
  const { info, frame } = picture;
  const before = { view: make("canvas", "dino-view dino-first"), heat: make("canvas", "dino-heat dino-first") };
  for (const canvas of [before.view, before.heat]) {
    placeOver(canvas, info.covered);
    frame.insertBefore(canvas, picture.layers[1]);
  }
  placeOver(picture.view, info.covered);
  frame.insertBefore(make("div", "dino-swipe-line"), picture.layers[1]);
  return Object.assign(picture, { before });
}

export function mount({ element, props, watch }) {
  const tools = buildTools(setView);
  const board = make("div", "dino-board");
  const reading = buildReading();
  const curves = buildCurves((place) => goTo(place));
  const why = make("p", "dino-why");
  const empty = make("div", "dino-empty", {}, make("p", "dino-title", {}, "No timeline is shown"), why);
  const children = [tools.bar, board, curves.element, reading.line, empty];
  const stage = make("section", "dino-stage dino-timeline", { "aria-label": "Timeline of a training run" }, ...children);
  element.replaceChildren(stage);

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
    tools.title.textContent = told.title || "";
    stage.classList.toggle("dino-none", !state.moments.length);
    why.textContent = told.why || "";
    if (!same || atEnd) state.place = Math.max(state.moments.length - 1, 0); // whoever looks at the newest goes along
    curves.show(told.series || [], state.moments.map((moment) => moment.step));
    arrange();
    goTo(state.place);
    obey();
  }

  async function madePicture(info) {
    const picture = addFirstStep(buildPicture(info, await decodedImage(info.uri)));
    await picture.frames[1].querySelector("img").decode();
    picture.enlarge.remove();
    picture.save.addEventListener("click", () => savePicture(picture, saved()));
    question.listen(picture);
    const name = picture.figure.querySelector(".dino-name");
    name.title = info.credit ? `${info.name}: ${info.credit}` : info.name;
    name.addEventListener("click", () => {
      state.reference = state.pictures.indexOf(picture);
      schedule();
    });
    return picture;
  }

  function saved() {
    const heatShown = stage.classList.contains("dino-answering");
    return { split: false, heatShown, aligned: "grid", smooth: true, kind: state.view };
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
    showSettings(asked.length > 0);
    const now = sideOf(moment, asked);
    const first = state.swipe ? sideOf(state.moments[0], asked) : null;
    for (const picture of state.pictures) {
      paintSide(picture, picture, now);
      if (first) paintSide(picture, picture.before, first);
      const { id } = picture.info;
      const leads = state.view === "matches" && picture === state.pictures[state.reference];
      picture.figure.classList.toggle("dino-reference", leads);
      const here = hover?.picture === id ? { row: hover.row, col: hover.col } : null;
      showMarks(picture, held.filter((mark) => mark.picture === id), here ? [here] : [], now.answers?.get(id)?.best ?? null);
    }
    read(now.scale, asked, held);
    performance.clearMeasures("dino-draw");
    performance.measure("dino-draw", { start });
  }

  function showSettings(answering) {
    stage.classList.toggle("dino-swiping", state.swipe);
    stage.style.setProperty("--dino-blend", BLEND[state.view]);
    stage.style.setProperty("--swipe", `${tools.part.value * 100}%`);
    stage.classList.toggle("dino-answering", answering);
    tools.tabs.forEach((tab) => pressed(tab, tab.dataset.view === state.view));
    pressed(tools.swipe, state.swipe);
  }

  function sideOf(moment, asked) {
    const numbers = decoded(moment, state.pictures.map((picture) => picture.info));
    const found = asked.length ? answers(numbers.features, asked) : null;
    return { numbers, answers: found, scale: found && scaleOf(numbers.features, found) };
  }

  // One moment's view and answer on one pair of canvases of a picture.
  function paintSide({ info }, canvases, { numbers, answers: found, scale }) {
    const answer = found?.get(info.id);
    canvases.heat.hidden = !answer;
    canvases.view.hidden = false;
    const pixels = () => new ImageData(info.columns, info.rows);
    const painted = numbers.painted.get(info.id);
    const reference = state.pictures[state.reference].info.id;
    if (answer) showHeat(canvases.heat, info, answer.values, scale);
    else if (state.view === "matches") paintDots(canvases.view, info, dotsOf(numbers, reference, info.id));
    else if (state.view === "pca") showPixels(canvases.view, paintColours(pixels(), painted));
    else showPixels(canvases.view, paintGround(pixels(), painted, numbers.threshold));
  }

  function read(scale, asked, held) {
    if (asked.length) readAnswer(reading, HEAT, scale, asked, held.length > 0);
    else readView(reading, { caption: VIEWS[state.view][1] });
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

  tools.swipe.addEventListener("click", () => {
    state.swipe = !state.swipe;
    schedule();
  });
  tools.part.addEventListener("input", schedule);
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
}
