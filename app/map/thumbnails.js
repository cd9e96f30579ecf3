// The small pictures of points: fetched as they come into sight, drawn over the points, kept while the map is.

const MOST_SEEN = 320; // points in sight that become pictures
const ROOM = 1050; // px² of the map for each, at least: so that the smallest leave half of it free
const BATCH = 40;
const SMALL = 28;
const LARGE = 96;

// `fetchSome(ids)` -> Promise of {id: {name, label, date, uri}}; `arrived()` is called when there is more to draw.
export function createThumbnails(fetchSome, arrived) {
  const known = new Map(); // id -> {name, label, date, image}
  const asked = new Set();
  let waiting = [];
  let busy = false;

  function want(ids) {
    for (const id of ids) {
      if (known.has(id) || asked.has(id)) continue;
      asked.add(id);
      waiting.push(id);
    }
    if (!busy) next();
  }

  async function next() {
    if (!waiting.length) return;
    busy = true;
    const ids = waiting.splice(-BATCH); // what came into sight last is looked at now
    try {
      const found = await fetchSome(ids);
      for (const [id, about] of Object.entries(found || {})) {
        const image = new Image();
        image.src = about.uri;
        await image.decode().catch(() => {});
        known.set(Number(id), { ...about, image });
      }
    } catch {
      ids.forEach((id) => asked.delete(id)); // asked again when seen again
      waiting = [];
    }
    busy = false;
    arrived();
    next();
  }

  // How many points in sight become pictures on a map of this size.
  function mostFor(camera) {
    return Math.min(MOST_SEEN, Math.floor((camera.width * camera.height) / ROOM));
  }

  // Side of a picture in px when so many are in sight: they shall rather touch than cover one another.
  function sideFor(count, camera) {
    const room = Math.sqrt((camera.width * camera.height) / Math.max(count, 1)) * 0.5;
    return Math.min(LARGE, Math.max(SMALL, room));
  }

  function drawOne(context, id, x, y, side, colour) {
    const about = known.get(id);
    if (!about?.image.naturalWidth) return false;
    const { naturalWidth: width, naturalHeight: height } = about.image;
    const factor = side / Math.max(width, height);
    const [w, h] = [width * factor, height * factor];
    context.fillStyle = colour;
    context.fillRect(x - w / 2 - 2, y - h / 2 - 2, w + 4, h + 4);
    context.drawImage(about.image, x - w / 2, y - h / 2, w, h);
    return true;
  }

  function forget() {
    known.clear();
    asked.clear();
    waiting = [];
  }

  return { want, known, mostFor, sideFor, drawOne, forget };
}
