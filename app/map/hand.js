// What the map answers to: pointer, finger, keys and its own buttons.

import { byFinger, download, make, makeButton } from "../page/elements.js";
import { drawMap, isLookedAt, placeOf, pointSide } from "./drawing.js";
import { listenToGestures } from "./gestures.js";
import { buildNear } from "./near.js";

const REACH = 14; // px from a point that still mean it
const MOST_CHOSEN = 100000; // points that are sent at once
const ARROWS = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

// Let a map answer; -> {fillCard, showNear}, for when more is known of the point that is pointed at, or clicked.
// `map` is what map.js makes, `props` its props; `trigger` tells Python.
export function answerHand(map, props, trigger) {
  const { surface, camera, card, said, state, thumbnails, draw } = map;

  function pointAt(x, y) {
    if (!state.index || state.share < 1) return -1;
    const reach = Math.max(REACH, pointSide(map)) / camera.scale;
    return state.index.nearest(...camera.toMap(x, y), reach);
  }

  function show(id) {
    if (id === state.hover) return;
    state.hover = id;
    draw();
    if (id >= 0) thumbnails.want([id]);
    fillCard();
  }

  // Beside the point, inside the map; when its picture is known, and not shown larger already.
  function fillCard() {
    const id = state.hover;
    const about = id >= 0 && id !== state.near?.id && thumbnails.known.get(id);
    card.hidden = !about;
    if (!about) return;
    const [x, y] = placeOf(map, id);
    const words = [about.name, about.label, about.date].filter(Boolean).join(" · ");
    card.replaceChildren(make("img", "", { src: about.uri, alt: about.name }), make("figcaption", "", {}, words));
    card.style.left = `${Math.min(Math.max(x + 14, 4), Math.max(camera.width - 156, 4))}px`;
    card.style.top = `${y > camera.height - 170 ? Math.max(y - 160, 4) : y + 14}px`;
  }

  function pick(id) {
    state.picked = id;
    showNear();
    if (id < 0) return;
    trigger("select", { token: state.token, id });
    const name = thumbnails.known.get(id)?.name;
    if (name) said.textContent = `${name}. ${byFinger() ? "A double tap" : "Enter or a double click"} opens it.`;
  }

  // The clicked point by itself; nothing while Python has not answered yet, or where nothing is clicked.
  function showNear() {
    const sent = props.near;
    state.near = state.to && state.picked >= 0 && sent?.token === state.token && sent.id === state.picked ? sent : null;
    const right = state.near && placeOf(map, state.picked)[0] > camera.width / 2;
    near.show(state.near, right);
    fillCard();
    draw();
  }

  // A point is brought into sight where it is not.
  function goTo(id) {
    const [x, y] = placeOf(map, id, 1);
    const outside = x < 40 || y < 40 || x > camera.width - 40 || y > camera.height - 40;
    if (outside) camera.pan(camera.width / 2 - x, camera.height / 2 - y);
    show(id);
    pick(id);
  }

  function release() {
    pick(-1);
    show(-1);
    surface.focus({ preventScroll: true });
  }

  function open(id) {
    if (id >= 0) trigger("submit", { token: state.token, id });
  }

  function chooseInside(line) {
    const ids = state.index ? state.index.inside(line.map(({ x, y }) => camera.toMap(x, y))) : [];
    choose(ids, "No point lies inside this line.");
    setLasso(false);
  }

  // All that are looked at: of the kind that is shown alone, and of those that the filter leaves.
  function chooseShown() {
    choose(state.levels ? [...state.levels.keys()] : [], "No point is shown.");
  }

  function choose(ids, otherwise) {
    const seen = ids.filter((id) => isLookedAt(state, id));
    const many = `${seen.length.toLocaleString("en")} points are more than can be chosen at once: draw round fewer.`;
    said.textContent = !seen.length ? otherwise : seen.length > MOST_CHOSEN ? many : "";
    if (!said.textContent) trigger("input", { token: state.token, ids: seen });
  }

  function step(dx, dy) {
    const { index, picked } = state;
    const next = picked < 0 ? index.nearest(camera.x, camera.y, Infinity) : index.towards(picked, dx, dy);
    if (next >= 0) goTo(next);
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
    lasso.setAttribute("aria-pressed", String(on));
    surface.classList.toggle("dino-drawing", on);
  }

  listenToGestures(surface, camera, () => state.lasso, {
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
    outlined: chooseInside,
    drawing(line) {
      state.line = line;
      draw();
    },
  });

  const keys = {
    "+": () => zoom(1.5),
    "=": () => zoom(1.5),
    "-": () => zoom(1 / 1.5),
    0: all,
    l: () => setLasso(!state.lasso),
    Enter: () => open(state.picked),
    Escape: () => {
      setLasso(false);
      release();
    },
  };
  surface.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !state.to) return;
    if (event.key in ARROWS) step(...ARROWS[event.key]);
    else if (event.key in keys) keys[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  function tool(text, title, act) {
    const button = makeButton("", text, act);
    button.title = title;
    button.setAttribute("aria-label", title);
    map.tools.append(button);
    return button;
  }
  const hint = (key) => (byFinger() ? "" : ` (${key})`);
  tool("+", `Nearer${hint("+")}`, () => zoom(1.5));
  tool("−", `Further${hint("-")}`, () => zoom(1 / 1.5));
  tool("All", `Show all${hint(0)}`, all);
  const why = `Draw round points to choose them${byFinger() ? "" : " (L, or drag with Shift)"}`;
  const lasso = tool("Draw round", why, () => setLasso(!state.lasso));
  tool("Choose all shown", "Choose every point that is not dimmed: of one kind, where it is shown alone", chooseShown);
  tool("PNG", "Save the map as it is seen", () => saveMap(map));
  if (byFinger()) map.tools.append(make("span", "dino-hint", {}, "Two fingers move the map and zoom; one scrolls the page."));
  const near = buildNear({
    pick: goTo,
    point: show,
    like: (id) => trigger("like", { token: state.token, id }),
    open,
    close: release,
  });
  map.stage.append(near.panel);
  return { fillCard, showNear };
}

const SAVED_SIDE = 4096; // px of the longer side of a saved map

// The two canvases on the page's ground, sharp on paper.
function saveMap(map) {
  const { camera } = map;
  drawMap(map, SAVED_SIDE / Math.max(camera.width, camera.height));
  const { width, height } = map.over;
  const whole = make("canvas", "", { width, height });
  const context = whole.getContext("2d");
  context.fillStyle = getComputedStyle(map.box).getPropertyValue("--dino-panel") || "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(map.painter.canvas, 0, 0);
  context.drawImage(map.over, 0, 0);
  download(whole, "dinoscope-map");
  map.draw();
}
