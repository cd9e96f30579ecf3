// The same pictures through several models: a column for each, and one question that all of them answer.

import { make, makeButton, outsideOf } from "../page/elements.js";
import { decodedImage, decodedLayer, paintForeground, showHeat, showPixels } from "../page/layers.js";
import { GAP } from "../page/layout.js";
import { decodeNumbers, numbersAt, numbersInShort, numbersInWords } from "../page/numbers.js";
import { buildPicture, patchAt, placeOver, showMarks } from "../page/picture.js";
import { createQuestion } from "../page/question.js";
import { savePicture } from "../page/saving.js";
import { answers, decodeFeatures, scaleOf } from "../page/similarity.js";
import {
  POINT_TO_READ,
  buildEmpty,
  buildReading,
  endsInWords,
  pressed,
  readAnswer,
  readSwitch,
  readView,
  wireReading,
} from "../page/toolbar.js";

const NO_SCALE = { low: 0, high: 1 }; // each column says its own
const TALLEST = 230; // px of a picture
const SPEECH_MS = 250; // after the last change

// A mark lies on the same place of the picture in every column, on whichever patch that column's grid has there.
function inColumn(mark, column) {
  const picture = column.pictures.find((one) => one.info.id === mark.picture);
  return picture && { ...mark, ...patchAt(picture.info, mark.x, mark.y) };
}

function drawColumn(column, asked, question) {
  const { held, reads } = question;
  const marks = asked.map((mark) => inColumn(mark, column)).filter(Boolean);
  const found = marks.length && column.features ? answers(column.features, marks) : null;
  const scale = found && scaleOf(column.features, found);
  const { palette, low, high } = column.view.legend;
  const shownScale = scale ? endsInWords(scale) : palette ? [low, high] : null;
  column.scale.textContent = shownScale ? `Colours from ${shownScale[0]} to ${shownScale[1]}` : "";
  column.node.style.setProperty("--dino-blend", column.view.blend);
  column.node.classList.toggle("dino-patchy", !column.view.smooth);
  const shown = held.map((mark) => inColumn(mark, column)).filter(Boolean);
  const pointed = question.pointed().map((mark) => inColumn(mark, column)).filter(Boolean);
  for (const picture of column.pictures) {
    const { id } = picture.info;
    const answer = found?.get(id);
    picture.heat.hidden = !answer;
    if (answer) showHeat(picture.heat, picture.info, answer.values, scale);
    const here = pointed.filter((mark) => mark.picture === id);
    const cursors = here.map((mark) => ({ ...mark, label: reads && !found ? numberOf(column, picture, mark) : "" }));
    showMarks(picture, shown.filter((mark) => mark.picture === id), cursors, answer?.best ?? null);
  }
}

function numberOf({ numbers, view }, { info }, mark) {
  const values = numbersAt(numbers, info, mark);
  return values ? numbersInShort(view.reading, values) : "";
}

// What is read at a place, a column after the other.
function readingInWords(columns, mark) {
  const parts = columns.map((column) => {
    const { view, numbers, name, pictures } = column;
    const here = inColumn(mark, column);
    const { info } = pictures.find((one) => one.info.id === mark.picture);
    const values = numbersAt(numbers, info, here);
    if (!values) return `${name}: no number.`;
    const told = numbersInWords(view.reading, values, view.scores ? view : null);
    return `${name}, row ${here.row + 1}, column ${here.col + 1}: ${told}`;
  });
  const { info } = columns[0].pictures.find((one) => one.info.id === mark.picture);
  return `${info.name}. ${parts.join(" ")}`;
}

// Whether the columns show how they differ from the first.
function differs(columns) {
  return columns[0]?.view.kind === "difference";
}

// How to read the view; where all columns have one scale, that too.
function wordsOf(columns) {
  const { caption } = columns[0].view;
  return differs(columns) ? { caption, legend: columns.at(-1).view.legend } : { caption };
}

function placeColumns(board, columns) {
  if (!columns.length || !board.clientWidth) return;
  const wide = (board.clientWidth - GAP * (columns.length - 1)) / columns.length;
  for (const { pictures } of columns) {
    for (const picture of pictures) {
      const aspect = picture.info.width / picture.info.height;
      const tall = Math.min(TALLEST, wide / aspect);
      picture.size = { width: tall * aspect, height: tall };
      picture.figure.style.width = `${tall * aspect}px`;
      picture.figure.style.setProperty("--tall", `${tall}px`);
      picture.figure.classList.toggle("dino-small", tall * aspect < 130);
    }
  }
}

export function mount({ element, props, watch }) {
  const reading = buildReading();
  const board = make("div", "dino-columns");
  const read = readSwitch();
  const settings = makeButton("dino-button", "Block, resolution, colours", () => window.dinoscope.unfold("compare-settings"));
  Object.assign(settings, { id: "compare-settings-fold", title: "For each column" });
  settings.setAttribute("aria-expanded", "false");
  const toolbar = make("div", "dino-toolbar", {}, settings, read);
  const children = [toolbar, board, reading.line, buildEmpty()];
  const stage = make("section", "dino-stage dino-compare", { "aria-label": "Models side by side" }, ...children);
  element.replaceChildren(stage);

  const state = { columns: [] }; // {node, scale, pictures, features, numbers, view, name}
  let frame = 0;
  let syncs = 0;
  let speakTimer = 0;
  const question = createQuestion((kind) => {
    schedule();
    clearTimeout(speakTimer);
    if (question.reads && kind !== "hover") speakTimer = setTimeout(speak, SPEECH_MS);
  });

  async function sync() {
    const mine = ++syncs;
    stage.classList.toggle("dino-busy", Boolean(props.busy));
    const told = props.comparison || {};
    const columns = await Promise.all((told.columns || []).map((column) => madeColumn(column, told.pictures)));
    if (mine !== syncs) return;
    state.columns = columns;
    board.replaceChildren(...columns.map((column) => column.node));
    stage.classList.toggle("dino-none", told.pictures?.length === 0);
    stage.classList.toggle("dino-start", !told.pictures);
    read.hidden = differs(columns); // there is nothing else to ask of these
    question.reads = read.hidden || pressed(read);
    if (columns.length) question.renew(columns[0].pictures);
    arrange();
    draw();
  }

  async function madeColumn(column, infos) {
    const title = make("h3", "dino-column-title", { title: column.about });
    title.textContent = column.title;
    const line = make("p", "dino-column-line", {}, column.line);
    const problem = make("p", "dino-column-told", { role: "status" }, column.told);
    const scale = make("p", "dino-column-scale");
    const note = make("p", "dino-column-note", {}, column.note);
    const pictures = await Promise.all(infos.map((info) => madePicture({ ...info, ...column.geometries[info.id] }, column)));
    const head = make("div", "dino-column-head", {}, title, line);
    const figures = pictures.map((picture) => picture.figure);
    const node = make("div", "dino-column", {}, head, problem, ...figures, scale, note);
    const [features, numbers] = [decodeFeatures(column.features), decodeNumbers(column.view)];
    return { node, scale, pictures, features, numbers, view: column.view, name: column.name };
  }

  async function madePicture(info, { name, view }) {
    const picture = buildPicture(info, await decodedImage(info.uri));
    await picture.frames[1].querySelector("img").decode();
    picture.frame.setAttribute("aria-label", `${picture.frame.getAttribute("aria-label")} Seen by ${name}.`);
    picture.enlarge.remove();
    picture.save.addEventListener("click", () => savePicture(picture, saved(view)));
    question.listen(picture);
    const layer = await decodedLayer(view.layers[info.id], view.scores ? picture.image : null);
    placeOver(picture.view, view.aligned === "picture" ? [0, 0, 1, 1] : info.covered);
    showPixels(picture.view, layer.scores ? paintForeground(layer, view.threshold, view.invert) : layer.pixels);
    return picture;
  }

  function saved(view) {
    const heatShown = stage.classList.contains("dino-answering");
    return { split: false, heatShown, aligned: view.aligned, smooth: view.smooth, kind: view.kind };
  }

  function schedule() {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  function draw() {
    cancelAnimationFrame(frame);
    frame = 0;
    const { held, hover, reads } = question;
    const asked = reads ? [] : held.length ? held : hover ? [hover] : [];
    stage.classList.toggle("dino-answering", asked.length > 0);
    for (const column of state.columns) drawColumn(column, asked, question);
    const first = state.columns[0];
    if (!first) return;
    if (asked.length) readAnswer(reading, "", NO_SCALE, asked, held.length > 0);
    else readView(reading, wordsOf(state.columns), reads ? wordsRead() : "");
    reading.actions.hidden = !held.length;
    reading.back.hidden = true;
  }

  function wordsRead() {
    const mark = question.hover || question.kept;
    if (mark) return readingInWords(state.columns, mark);
    return differs(state.columns) ? "" : POINT_TO_READ;
  }

  function speak() {
    reading.spoken.textContent = wordsRead();
  }

  function arrange() {
    placeColumns(board, state.columns);
  }

  reading.clear.addEventListener("click", () => question.clear());
  const outside = outsideOf(element);
  wireReading(read, question, outside, () => {});
  outside(document, "keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && stage.getClientRects().length) question.clear();
  });
  outside(window, "resize", arrange);
  new ResizeObserver(arrange).observe(board);

  watch(["comparison", "busy"], sync);
  sync();
}
