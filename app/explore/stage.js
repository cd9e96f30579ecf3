// The stage: reads its props, keeps what is shown, and draws it when something changed.

import { make, outsideOf, share } from "../page/elements.js";
import { HEAT, decodedImage } from "../page/layers.js";
import { decodeNumbers } from "../page/numbers.js";
import { buildPicture } from "../page/picture.js";
import { createQuestion } from "../page/question.js";
import { savePicture, saveStage } from "../page/saving.js";
import { answers, decodeFeatures, scaleOf } from "../page/similarity.js";
import { buildEmpty, buildReading, buildToolbar, readAnswer, readView, wireReading } from "../page/toolbar.js";
import { applySettings, arrange } from "./arrangement.js";
import { buildNearest } from "./nearest.js";
import { answerInWords, decodedView, drawAnswer, gridFits, readingInWords, showView } from "./painting.js";

const SETTLED_MS = 280; // a double click is no question: what is held is told to Python when it has lasted this long
const SPEECH_MS = 250; // after the last change

function firstState() {
  return {
    pictures: [],
    features: null,
    view: null,
    numbers: new Map(), // behind the view
    answers: null, // to the question, while they are shown
    kind: "",
    aligned: "grid",
    smooth: true,
    split: false,
    heatShown: false,
    answering: true, // of what is held: the answer, or the view with the marks only
    large: null,
    threshold: window.dinoscope?.threshold ?? null,
    invert: window.dinoscope?.invert ?? false,
    chosen: { blend: {}, smooth: {} }, // by kind of view, what the visitor set
  };
}

function buildParts(element) {
  const [toolbar, reading] = [buildToolbar(), buildReading()];
  const board = make("div", "dino-board");
  const nearest = buildNearest();
  const children = [toolbar.bar, board, reading.line, nearest.strip, buildEmpty()];
  const stage = make("section", "dino-stage", { "aria-label": "Pictures" }, ...children);
  element.replaceChildren(stage);
  return { element, stage, board, toolbar, reading, nearest };
}

export function mount({ element, props, trigger, watch }) {
  const parts = buildParts(element);
  const { stage, board, toolbar, reading, nearest } = parts;
  const state = firstState();
  let current = {}; // the props as drawn
  let syncs = 0;
  let frame = 0;
  let cutFrame = 0;
  let told = "{}";
  let tellTimer = 0;
  let speakTimer = 0;

  const question = createQuestion((kind) => {
    if (kind === "held") {
      announce();
      state.answering = true;
      clearTimeout(tellTimer);
      tellTimer = setTimeout(tell, SETTLED_MS);
    }
    schedule();
    if (kind !== "hover") speakSoon();
  });

  // For the page's address, which names what is held.
  function announce() {
    window.dispatchEvent(new CustomEvent("dinoscope:held", { detail: question.held }));
  }

  // Pins of the address that opened the page, held once there is something to ask.
  function restore() {
    const { pins } = window.dinoscope || {};
    if (!pins?.length || !state.features || !state.kind) return;
    share({ pins: [] });
    question.restore(pins, state.pictures);
  }

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
      state.numbers = decodeNumbers(next.view);
      state.kind = next.view?.kind || "";
      state.aligned = next.view?.aligned || "grid";
    }
    if (pictures !== state.pictures) placePictures(pictures);
    view?.forEach((layer, i) => (pictures[i].layer = layer));
    const lost = changed("pictures") || changed("features") ? question.renew(pictures) : false;
    current = text;
    if (lost) {
      announce();
      tell();
    }
    restore();
    applySettings(parts, state);
    if (view) showView(state);
    stage.classList.toggle("dino-none", next.pictures?.length === 0);
    stage.classList.toggle("dino-start", !next.pictures);
    draw();
    if (view && question.reads) speakSoon(); // the same place has another number now
  }

  async function renewedPictures(infos) {
    const known = new Map(state.pictures.map((picture) => [picture.info.uri, picture]));
    return Promise.all(
      infos.map(async (info) => {
        const old = known.get(info.uri);
        return old && JSON.stringify(old.info) === JSON.stringify(info) ? old : madePicture(info);
      }),
    );
  }

  async function madePicture(info) {
    const made = buildPicture(info, await decodedImage(info.uri));
    await made.frames[1].querySelector("img").decode();
    question.listen(made);
    for (const one of made.frames) {
      one.addEventListener("dblclick", () => {
        question.undo();
        enlarge(info.id);
      });
    }
    made.enlarge.addEventListener("click", () => enlarge(info.id));
    made.save.addEventListener("click", () => savePicture(made, state));
    return made;
  }

  function placePictures(pictures) {
    state.pictures = pictures;
    share({ pictures }); // for patches that are shown elsewhere
    if (!pictures.some((picture) => picture.info.id === state.large)) state.large = null;
    const figures = pictures.map((picture) => picture.figure);
    if (figures.some((figure, i) => board.children[i] !== figure) || board.children.length !== figures.length) {
      board.replaceChildren(...figures);
    }
  }

  function schedule() {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  // The marks, and the heat map where a question is asked.
  function draw() {
    cancelAnimationFrame(frame);
    frame = 0;
    const start = performance.now();
    const { held, hover, reads } = question;
    const asked = held.length ? held : hover && !reads ? [hover] : [];
    const fits = state.features && asked.every((mark) => gridFits(state, mark.picture));
    const found = asked.length && fits ? answers(state.features, asked) : null;
    state.heatShown = Boolean(found) && (!held.length || state.answering);
    state.answers = state.heatShown ? found : null;
    stage.classList.toggle("dino-answering", state.heatShown);
    const scale = found && scaleOf(state.features, found);
    for (const picture of state.pictures) drawAnswer(state, picture, found?.get(picture.info.id), scale, question);
    const words = reads ? readingInWords(state, question) : "";
    if (state.heatShown) readAnswer(reading, HEAT, scale, asked, held.length > 0, words);
    else readView(reading, state.view, words);
    nearest.show(state, question, held.length ? found : null);
    reading.actions.hidden = !held.length;
    reading.back.textContent = state.answering ? "Show the view" : "Show the answer";
    performance.clearMeasures("dino-draw");
    performance.measure("dino-draw", { start });
  }

  // Only for keys and held questions: a moving pointer would never stop talking.
  function speakSoon() {
    clearTimeout(speakTimer);
    speakTimer = setTimeout(() => (reading.spoken.textContent = answerInWords(state, question)), SPEECH_MS);
  }

  function enlarge(id) {
    state.large = state.large === id ? null : id;
    applySettings(parts, state);
    draw();
  }

  function listenToTools() {
    toolbar.blend.addEventListener("input", () => {
      state.chosen.blend[state.kind] = Number(toolbar.blend.value);
      applySettings(parts, state);
    });
    toolbar.split.addEventListener("click", () => {
      state.split = !state.split;
      applySettings(parts, state);
    });
    toolbar.smooth.addEventListener("click", () => {
      state.chosen.smooth[state.kind] = !state.smooth;
      applySettings(parts, state);
    });
    toolbar.save.addEventListener("click", () => saveStage(board, state, reading));
    toolbar.close.addEventListener("click", () => enlarge(state.large));
    reading.clear.addEventListener("click", () => question.clear());
    reading.back.addEventListener("click", () => {
      state.answering = !state.answering;
      draw();
    });
  }

  function listenOutside() {
    const outside = outsideOf(element);
    wireReading(toolbar.read, question, outside, (reads) => (state.answering = !reads));
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
      cutFrame = requestAnimationFrame(() => {
        showView(state);
        if (question.reads) draw();
      });
    });
    // A patch pointed at in a figure: {mark: {picture, row, col} or null, event: the click that holds it}.
    outside(window, "dinoscope:patch", ({ detail: { mark, event } }) => {
      const info = mark && state.pictures.find((picture) => picture.info.id === mark.picture)?.info;
      const there = info && mark.row < info.rows && mark.col < info.columns;
      if (!event) question.point(there ? info : undefined, mark?.row, mark?.col);
      else if (there) question.hold(info, mark.row, mark.col, event);
    });
    outside(window, "dinoscope:pins", restore);
    outside(window, "resize", () => arrange(board, state));
    new ResizeObserver(() => arrange(board, state)).observe(stage);
  }

  listenToTools();
  listenOutside();
  watch(["pictures", "features", "view", "busy"], sync);
  sync();
}
