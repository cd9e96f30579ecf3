// The results as a grid, the matching place lit on each. Gradio runs it with `element`, `props`, `trigger` and `watch`
// in scope.

const VEIL = 0.74; // how dark the least alike place of a picture becomes

const bar = document.createElement("div");
bar.className = "dino-toolbar";
const light = document.createElement("button");
Object.assign(light, { type: "button", className: "dino-button dino-switch", textContent: "Light the place" });
light.setAttribute("aria-pressed", "true");
const reading = document.createElement("span");
reading.className = "dino-hint";
reading.textContent = "Lit: where a picture is most like what is asked; dark: where least. The frame is the best place.";
bar.append(light, reading);
const groups = document.createElement("div");
groups.className = "dino-results";
const spoken = document.createElement("p");
spoken.className = "dino-spoken";
spoken.setAttribute("role", "status");
element.replaceChildren(spoken, bar, groups);

let picked = new Set();

light.addEventListener("click", () => {
  const on = light.getAttribute("aria-pressed") !== "true";
  light.setAttribute("aria-pressed", String(on));
  groups.classList.toggle("dino-unlit", !on);
});

function node(kind, className, text) {
  const made = document.createElement(kind);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function heatCanvas(item) {
  const canvas = node("canvas", "dino-results-heat");
  canvas.width = item.columns;
  canvas.height = item.rows;
  const values = Uint8Array.from(atob(item.heat), (letter) => letter.charCodeAt(0));
  const pixels = new ImageData(item.columns, item.rows);
  values.forEach((value, i) => (pixels.data[4 * i + 3] = Math.round(VEIL * (255 - value))));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  place(canvas, item.covered);
  canvas.title = `cosine ${item.low} to ${item.high}`;
  return canvas;
}

function place(made, [left, top, right, bottom]) {
  Object.assign(made.style, {
    left: `${100 * left}%`,
    top: `${100 * top}%`,
    width: `${100 * (right - left)}%`,
    height: `${100 * (bottom - top)}%`,
  });
}

function build(item, rank) {
  const row = node("li", "dino-result");
  const frame = node("div", "dino-results-frame");
  frame.style.aspectRatio = `${item.width} / ${item.height}`;
  const image = node("img", "");
  Object.assign(image, { src: item.uri, alt: item.name, draggable: false });
  frame.append(image);
  if (item.heat) {
    const best = node("span", "dino-results-best");
    place(best, item.box);
    frame.append(heatCanvas(item), best);
  }
  const caption = node("div", "dino-results-caption");
  const pick = node("input", "");
  pick.type = "checkbox";
  pick.checked = picked.has(item.id);
  pick.setAttribute("aria-label", `Mark ${item.name}`);
  pick.addEventListener("change", () => {
    if (pick.checked) picked.add(item.id);
    else picked.delete(item.id);
    trigger("select", { ids: [...picked] });
  });
  const name = node("span", "dino-results-name", item.name);
  name.title = [item.name, ...item.tags].join(" · ");
  const take = node("button", "dino-button", "to tray");
  take.type = "button";
  take.setAttribute("aria-label", `Take ${item.name} to the tray`);
  take.addEventListener("click", () => trigger("submit", { id: item.id }));
  const score = item.score === undefined ? `${rank}` : `${rank} · ${item.score.toFixed(3)}`;
  caption.append(pick, node("span", "dino-results-score", score), take, name);
  row.append(frame, caption);
  return row;
}

function draw() {
  const given = props.results?.groups || [];
  const ids = new Set(given.flatMap((group) => group.items.map((item) => item.id)));
  picked = new Set([...picked].filter((id) => ids.has(id)));
  groups.replaceChildren(
    ...given.map((group) => {
      const section = node("section", "");
      if (group.title) section.append(node("h3", "dino-results-title", group.title));
      const list = node("ul", "dino-results-grid");
      list.append(...group.items.map((item, place) => build(item, place + 1)));
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
