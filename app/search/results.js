// The results as a grid, the matching place lit on each.

import { make, makeButton } from "../page/elements.js";
import { placeOver } from "../page/picture.js";

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

// `told`: {mark(id, on), take(id)}.
function buildResult(item, rank, isPicked, told) {
  const image = make("img");
  Object.assign(image, { src: item.uri, alt: item.name, draggable: false });
  const frame = make("div", "dino-results-frame", {}, image);
  frame.style.aspectRatio = `${item.width} / ${item.height}`;
  if (item.heat) {
    const best = make("span", "dino-results-best");
    placeOver(best, item.box);
    frame.append(heatCanvas(item), best);
  }
  const pick = make("input", "", { type: "checkbox", "aria-label": `Mark ${item.name}` });
  pick.checked = isPicked;
  pick.addEventListener("change", () => told.mark(item.id, pick.checked));
  const take = makeButton("dino-button", "to tray", () => told.take(item.id));
  take.setAttribute("aria-label", `Take ${item.name} to the tray`);
  const score = item.score === undefined ? `${rank}` : `${rank} · ${item.score.toFixed(3)}`;
  const name = make("span", "dino-results-name", { title: [item.name, ...item.tags].join(" · ") }, item.name);
  const caption = make("div", "dino-results-caption", {}, pick, make("span", "dino-results-score", {}, score), take, name);
  return make("li", "dino-result", {}, frame, caption);
}

function buildBar(lightUp) {
  const light = makeButton("dino-button dino-switch", "Light the place", () => {
    const on = light.getAttribute("aria-pressed") !== "true";
    light.setAttribute("aria-pressed", String(on));
    lightUp(on);
  });
  light.setAttribute("aria-pressed", "true");
  const hint = "Lit: where a picture is most like what is asked; dark: where least. The frame is the best place.";
  return make("div", "dino-toolbar", {}, light, make("span", "dino-hint", {}, hint));
}

export function mount({ element, props, trigger, watch }) {
  const bar = buildBar((on) => groups.classList.toggle("dino-unlit", !on));
  const groups = make("div", "dino-results");
  const spoken = make("p", "dino-spoken", { role: "status" });
  element.replaceChildren(spoken, bar, groups);
  let picked = new Set();

  function mark(id, on) {
    if (on) picked.add(id);
    else picked.delete(id);
    trigger("select", { ids: [...picked] });
  }

  function take(id) {
    trigger("submit", { id });
  }

  function draw() {
    const given = props.results?.groups || [];
    const ids = new Set(given.flatMap((group) => group.items.map((item) => item.id)));
    picked = new Set([...picked].filter((id) => ids.has(id)));
    groups.replaceChildren(
      ...given.map((group) => {
        const section = make("section");
        if (group.title) section.append(make("h3", "dino-results-title", {}, group.title));
        const list = make("ul", "dino-results-grid");
        list.append(...group.items.map((item, place) => buildResult(item, place + 1, picked.has(item.id), { mark, take })));
        section.append(list);
        return section;
      }),
    );
    const lit = given.some((group) => group.items.some((item) => item.heat));
    bar.hidden = !lit;
    element.classList.toggle("dino-busy", Boolean(props.busy));
  }

  // Results that were asked for further down come into sight, with the sentence above them.
  function tell() {
    spoken.textContent = props.results?.told || "";
    if (!spoken.textContent) return;
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
