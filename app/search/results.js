// The results as a grid, page by page: the matching place lit on each, marked by boxes, enlarged by a click.

import { make, makeButton } from "../page/elements.js";
import { placeOver } from "../page/picture.js";
import { buildEnlarged } from "./enlarged.js";
import { buildMarks } from "./marks.js";

const VEIL = 0.74; // how dark the least alike place of a picture becomes

function heatCanvas(item) {
  const canvas = make("canvas", "dino-results-heat", { width: item.columns, height: item.rows });
  const values = Uint8Array.from(atob(item.heat), (letter) => letter.charCodeAt(0));
  const pixels = new ImageData(item.columns, item.rows);
  values.forEach((value, i) => (pixels.data[4 * i + 3] = Math.round(VEIL * (255 - value))));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  placeOver(canvas, item.covered);
  canvas.title = `cosine ${item.low} to ${item.high}`;
  return canvas;
}

// `told`: {boxOf(item), enlarge(item), ask(id, how), take(id)}.
function buildResult(item, rank, told) {
  const image = make("img");
  Object.assign(image, { src: item.uri, alt: item.name, draggable: false });
  const frame = makeButton("dino-results-frame", "", () => told.enlarge(item));
  frame.append(image);
  frame.setAttribute("aria-label", `Enlarge ${item.name}`);
  frame.style.aspectRatio = `${item.width} / ${item.height}`;
  frame.style.width = `${Math.min(1, item.width / item.height) * 100}%`; // no row is higher than a square
  if (item.heat) {
    const best = make("span", "dino-results-best");
    placeOver(best, item.box);
    frame.append(heatCanvas(item), best);
  }
  const like = makeButton("dino-button", "more like this", () => told.ask(item.id, "only"));
  like.setAttribute("aria-label", `More like ${item.name}`);
  const take = makeButton("dino-button", "to tray", () => told.take(item.id));
  take.setAttribute("aria-label", `Take ${item.name} to the tray`);
  const score = item.score === undefined ? `${rank}` : `${rank} · ${item.score.toFixed(3)}`;
  const said = [item.name, item.label, ...item.tags].filter(Boolean).join(" · ");
  const name = make("span", "dino-results-name", { title: said }, said);
  const tools = make("div", "dino-results-tools", {}, like, take);
  const box = make("label", "dino-results-mark", {}, told.boxOf(item));
  const caption = make("div", "dino-results-caption", {}, box, make("span", "dino-results-score", {}, score), name);
  return make("li", "dino-result", {}, frame, caption, tools);
}

function buildLight(lightUp) {
  const light = makeButton("dino-button dino-switch", "Light the place", () => {
    lightUp(light.getAttribute("aria-pressed") !== "true");
  });
  const hint = make("span", "dino-hint", {}, "Lit: where a picture is most like what is asked. The frame is the best place.");
  return { light, hint };
}

function buildPager(turn) {
  const back = makeButton("dino-button", "Previous", () => turn(-1));
  const on = makeButton("dino-button", "Next", () => turn(1));
  const where = make("span", "dino-hint");
  const line = make("nav", "dino-results-pager", { "aria-label": "Pages of results" }, back, where, on);
  return { line, back, where, on };
}

export function mount({ element, props, trigger, watch }) {
  const { light, hint } = buildLight(lightUp);
  const marks = buildMarks((ids) => trigger("select", { ids }));
  const bar = make("div", "dino-toolbar", {}, light, hint, marks.tools);
  const groups = make("div", "dino-results");
  const pager = buildPager(turn);
  const spoken = make("p", "dino-spoken", { role: "status" });
  const ask = (id, how) => trigger("like", { id, how });
  const take = (id) => trigger("submit", { id });
  const enlarged = buildEnlarged({ ask, take });
  element.replaceChildren(spoken, bar, groups, pager.line, enlarged.dialog);
  let rule = null; // whether places are lit by themselves; whoever says otherwise is heard until this changes
  let turned = false;

  function lightUp(on) {
    light.setAttribute("aria-pressed", String(on));
    hint.hidden = !on;
    groups.classList.toggle("dino-unlit", !on);
  }

  function turn(by) {
    turned = true;
    trigger("input", { page: (props.results?.page || 0) + by });
  }

  function draw() {
    const { groups: given = [], page = 0, pages = 1, first = 1, lit = false } = props.results || {};
    const items = given.flatMap((group) => group.items);
    marks.show(given);
    const told = { boxOf: marks.boxOf, enlarge: (item) => enlarged.open(items, item), ask, take };
    let rank = first;
    groups.replaceChildren(
      ...given.map((group) => {
        const section = make("section");
        if (group.title) section.append(make("h3", "dino-results-title", {}, group.title, marks.ofGroup(group)));
        const list = make("ul", "dino-results-grid");
        if (group.title) rank = 1;
        list.append(...group.items.map((item) => buildResult(item, rank++, told)));
        section.append(list);
        return section;
      }),
    );
    light.hidden = !items.some((item) => item.heat);
    if (lit !== rule) lightUp(lit);
    rule = lit;
    hint.hidden = light.hidden || light.getAttribute("aria-pressed") !== "true";
    bar.hidden = !items.length;
    pager.line.hidden = pages < 2;
    pager.where.textContent = `page ${(page + 1).toLocaleString("en")} of ${pages.toLocaleString("en")}`;
    pager.back.disabled = page === 0;
    pager.on.disabled = page >= pages - 1;
    element.classList.toggle("dino-busy", Boolean(props.busy));
  }

  // Results that were asked for further down come into sight, with the sentence above them.
  function tell() {
    const told = props.results?.told || "";
    const sought = turned || (told && told !== spoken.textContent);
    spoken.textContent = told;
    turned = false;
    if (!sought) return;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const side = element.closest("#search-result-side") || element;
    requestAnimationFrame(() => side.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" }));
  }

  watch("results", () => {
    draw();
    tell();
  });
  watch("busy", () => element.classList.toggle("dino-busy", Boolean(props.busy)));
  draw();
}
