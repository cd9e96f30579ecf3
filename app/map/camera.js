// What part of the map is seen, and the hand that moves it: drag, wheel, two fingers, a line drawn round points.

const NEAREST = 4000; // zoom at most so many times the whole
const STILL = 5; // px a pointer may move in a click
const MARGIN = 34; // px round the whole map

function createCamera(surface) {
  const camera = { x: 0, y: 0, scale: 1, width: 1, height: 1, ratio: 1, whole: 1 };

  camera.toScreen = (x, y) => [
    (x - camera.x) * camera.scale + camera.width / 2,
    camera.height / 2 - (y - camera.y) * camera.scale,
  ];
  camera.toMap = (sx, sy) => [
    (sx - camera.width / 2) / camera.scale + camera.x,
    (camera.height / 2 - sy) / camera.scale + camera.y,
  ];
  camera.window = () => {
    const [left, top] = camera.toMap(0, 0);
    const [right, bottom] = camera.toMap(camera.width, camera.height);
    return [left, bottom, right, top];
  };
  camera.measure = () => {
    const box = surface.getBoundingClientRect();
    camera.width = Math.max(box.width, 1);
    camera.height = Math.max(box.height, 1);
    camera.ratio = Math.min(window.devicePixelRatio || 1, 2);
  };
  camera.fit = (bounds) => {
    const wide = Math.max(bounds.right - bounds.left, 1e-6);
    const tall = Math.max(bounds.top - bounds.bottom, 1e-6);
    camera.whole = Math.min((camera.width - 2 * MARGIN) / wide, (camera.height - 2 * MARGIN) / tall);
    camera.whole = Math.min(Math.max(camera.whole, 1e-3), 1e6);
    camera.scale = camera.whole;
    camera.x = (bounds.left + bounds.right) / 2;
    camera.y = (bounds.bottom + bounds.top) / 2;
  };
  // Nearer or further, the place under (sx, sy) staying there.
  camera.zoom = (factor, sx = camera.width / 2, sy = camera.height / 2) => {
    const [x, y] = camera.toMap(sx, sy);
    camera.scale = Math.min(Math.max(camera.scale * factor, camera.whole * 0.5), camera.whole * NEAREST);
    camera.x = x - (sx - camera.width / 2) / camera.scale;
    camera.y = y + (sy - camera.height / 2) / camera.scale;
  };
  camera.pan = (dx, dy) => {
    camera.x -= dx / camera.scale;
    camera.y += dy / camera.scale;
  };
  return camera;
}

// `told`: {moved(), hovered(x, y), left(), clicked(x, y), opened(x, y), outlined(points), drawing(points)}, in px;
// `lassoing()` says whether a drag draws.
function listenToHand(surface, camera, lassoing, told) {
  const pointers = new Map();
  let travelled = 0;
  let line = null;

  function position(event) {
    const box = surface.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  surface.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    surface.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, position(event));
    if (pointers.size === 1) {
      travelled = 0;
      line = lassoing() || event.shiftKey ? [position(event)] : null;
    } else {
      line = null;
      told.drawing([]);
    }
  });

  surface.addEventListener("pointermove", (event) => {
    const here = position(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") told.hovered(here.x, here.y);
      return;
    }
    travelled += Math.hypot(here.x - before.x, here.y - before.y);
    pointers.set(event.pointerId, here);
    if (pointers.size === 2) {
      const [other] = [...pointers.entries()].find(([id]) => id !== event.pointerId).slice(1);
      const [old, now] = [before, here].map((one) => Math.hypot(one.x - other.x, one.y - other.y));
      camera.zoom(now / Math.max(old, 1), (here.x + other.x) / 2, (here.y + other.y) / 2);
      camera.pan((here.x - before.x) / 2, (here.y - before.y) / 2);
      told.moved();
    } else if (line) {
      line.push(here);
      told.drawing(line);
    } else if (travelled > STILL) {
      camera.pan(here.x - before.x, here.y - before.y);
      told.moved();
    }
  });

  function finish(event) {
    if (!pointers.delete(event.pointerId)) return;
    const here = position(event);
    if (event.type === "pointerup" && !pointers.size) {
      if (travelled <= STILL) told.clicked(here.x, here.y);
      else if (line && line.length > 3) told.outlined(line);
    }
    if (line) told.drawing([]);
    line = null;
  }
  surface.addEventListener("pointerup", finish);
  surface.addEventListener("pointercancel", finish);
  surface.addEventListener("pointerleave", () => told.left());
  surface.addEventListener("dblclick", (event) => {
    const here = position(event);
    told.opened(here.x, here.y);
  });
  surface.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const here = position(event);
      camera.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), here.x, here.y);
      told.moved();
    },
    { passive: false },
  );
}
