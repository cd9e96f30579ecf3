// What part of the map is seen.

const NEAREST = 4000; // zoom at most so many times the whole
const MARGIN = 34; // px round the whole map

export function createCamera(surface) {
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
