// What a pointer does on the map: drag, wheel, two fingers, a line drawn round points.

const STILL = 5; // px a pointer may move in a click

// `told`: {moved(), hovered(x, y), left(), clicked(x, y), opened(x, y), outlined(points), drawing(points)}, in px;
// `lassoing()` says whether a drag draws.
export function listenToGestures(surface, camera, lassoing, told) {
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
    } else if (travelled > STILL && event.pointerType !== "touch") {
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
  // one finger scrolls the page past the map; two are the map's own
  surface.addEventListener(
    "touchmove",
    (event) => {
      if (event.touches.length > 1 && event.cancelable) event.preventDefault();
    },
    { passive: false },
  );
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
