// What the map answers to: pointer, finger, keys and its own buttons. Follows atlas.js in the same script.

function pointAt(x, y) {
  if (!state.index || state.share < 1) return -1;
  const reach = Math.max(REACH, pointSide()) / camera.scale;
  return state.index.nearest(...camera.toMap(x, y), reach);
}

async function show(id) {
  if (id < 0 || id === state.hover) {
    if (id < 0 && state.hover >= 0) {
      state.hover = -1;
      card.hidden = true;
      draw();
    }
    return;
  }
  state.hover = id;
  draw();
  pictures.want([id]);
  fillCard();
}

// Beside the point, inside the map; when its picture is known.
function fillCard() {
  const id = state.hover;
  const about = id >= 0 && pictures.known.get(id);
  card.hidden = !about;
  if (!about) return;
  const [x, y] = placeOf(id);
  const picture = document.createElement("img");
  Object.assign(picture, { src: about.uri, alt: about.name });
  const words = document.createElement("figcaption");
  words.textContent = [about.name, about.label, about.date].filter(Boolean).join(" · ");
  card.replaceChildren(picture, words);
  card.style.left = `${Math.min(Math.max(x + 14, 4), Math.max(camera.width - 156, 4))}px`;
  card.style.top = `${y > camera.height - 170 ? Math.max(y - 160, 4) : y + 14}px`;
}

function pick(id) {
  state.picked = id;
  draw();
  if (id < 0) return;
  trigger("select", { token: state.token, id });
  const name = pictures.known.get(id)?.name;
  if (name) part("map-said").textContent = `${name}. Enter or a double click opens it.`;
}

function open(id) {
  if (id >= 0) trigger("submit", { token: state.token, id });
}

listenToHand(surface, camera, () => state.lasso, {
  moved() {
    card.hidden = true;
    draw();
  },
  hovered: (x, y) => show(pointAt(x, y)),
  left: () => show(-1),
  clicked(x, y) {
    const id = pointAt(x, y);
    show(id);
    pick(id);
  },
  opened: (x, y) => open(pointAt(x, y)),
  outlined(line) {
    const ids = state.index ? state.index.inside(line.map(({ x, y }) => camera.toMap(x, y))) : [];
    const seen = state.alone === null ? ids : ids.filter((id) => state.levels[id] === state.alone);
    part("map-said").textContent = seen.length ? "" : "No point lies inside this line.";
    if (seen.length) trigger("input", { token: state.token, ids: seen });
    setLasso(false);
  },
  drawing(line) {
    state.line = line;
    draw();
  },
});

const ARROWS = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const KEYS = {
  "+": () => zoom(1.5),
  "=": () => zoom(1.5),
  "-": () => zoom(1 / 1.5),
  0: all,
  l: () => setLasso(!state.lasso),
  Enter: () => open(state.picked),
  Escape: () => {
    setLasso(false);
    pick(-1);
    show(-1);
  },
};

surface.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !state.to) return;
  if (event.key in ARROWS) step(...ARROWS[event.key]);
  else if (event.key in KEYS) KEYS[event.key]();
  else return;
  event.preventDefault();
  event.stopPropagation();
});

function step(dx, dy) {
  const next = state.picked < 0 ? nearestToMiddle() : state.index.towards(state.picked, dx, dy);
  if (next < 0) return;
  const [x, y] = placeOf(next, 1);
  if (x < 40 || y < 40 || x > camera.width - 40 || y > camera.height - 40) camera.pan(camera.width / 2 - x, camera.height / 2 - y);
  show(next);
  pick(next);
}

function nearestToMiddle() {
  return state.index.nearest(camera.x, camera.y, Infinity);
}

function zoom(factor) {
  camera.zoom(factor);
  card.hidden = true;
  draw();
}

function all() {
  camera.measure();
  if (state.index) camera.fit(state.index.bounds);
  draw();
}

function setLasso(on) {
  state.lasso = on;
  lassoButton.setAttribute("aria-pressed", String(on));
  surface.classList.toggle("dino-drawing", on);
}

function tool(text, title, act) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: text, title });
  button.setAttribute("aria-label", title);
  button.addEventListener("click", act);
  part("map-tools").append(button);
  return button;
}
tool("+", "Nearer (+)", () => zoom(1.5));
tool("−", "Further (-)", () => zoom(1 / 1.5));
tool("All", "Show all (0)", all);
const lassoButton = tool("Draw round", "Draw round points to choose them (L, or drag with Shift)", () => setLasso(!state.lasso));
tool("PNG", "Save the map as it is seen", savePng);

// The two canvases on the page's ground, at the screen's resolution.
function savePng() {
  size();
  painter.draw({ ...camera, share: state.share, side: pointSide() });
  const whole = document.createElement("canvas");
  Object.assign(whole, { width: over.width, height: over.height });
  const context = whole.getContext("2d");
  context.fillStyle = getComputedStyle(box).getPropertyValue("--dino-panel") || "#fff";
  context.fillRect(0, 0, whole.width, whole.height);
  context.drawImage(painter.canvas, 0, 0);
  drawOver();
  context.drawImage(over, 0, 0);
  whole.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "dinoscope-map.png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

function note() {
  part("map-note").textContent = props.note || "";
  part("map-empty").textContent = props.empty || "";
}

new ResizeObserver(() => {
  if (!surface.getClientRects().length) return;
  const before = camera.width / Math.max(camera.height, 1);
  camera.measure();
  if (state.index && (camera.whole <= 1e-3 || Math.abs(before - camera.width / camera.height) > 0.01)) camera.fit(state.index.bounds);
  draw();
}).observe(surface);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] }); // light or dark

watch("places", newPlaces);
watch("colours", newColours);
watch(["note", "empty"], note);
box.dataset.painter = painter.kind;
newPlaces();
note();
