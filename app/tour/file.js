// Steps of one's own: a JSON file, read and checked here; nothing of it leaves the browser.
//
// {"steps": [{"title": "…", "see": "…", "ask": "…", "tab": "match"}, …]}, and where the tab is emergence, "timeline":
// {"at": "first" | "last" | "play", "view": "pca" | "foreground" | "matches", "swipe": true | false}.

const LARGEST = 256 * 1024; // bytes
const MOST_STEPS = 50;
const LONGEST = { title: 120, see: 800, ask: 800 };
const TIMELINE = { at: ["first", "last", "play"], view: ["pca", "foreground", "matches"], swipe: [false, true] };

const listed = (values) => values.map((value) => JSON.stringify(value)).join(", ");

function refuse(words) {
  throw new Error(words);
}

function onlyKnown(given, known, where) {
  if (given === null || typeof given !== "object" || Array.isArray(given)) refuse(`${where} is no object {…}.`);
  const unknown = Object.keys(given).filter((key) => !known.includes(key));
  if (unknown.length) refuse(`${where} has ${listed(unknown)}, which means nothing here; it may have ${listed(known)}.`);
}

function checkedTimeline(given, where) {
  onlyKnown(given, Object.keys(TIMELINE), `The timeline of ${where}`);
  for (const [key, allowed] of Object.entries(TIMELINE)) {
    if (!allowed.includes(given[key])) {
      refuse(`The timeline of ${where} has ${key}: ${JSON.stringify(given[key]) ?? "nothing"}; give one of ${listed(allowed)}.`);
    }
  }
  return { ...given };
}

function checkedStep(given, number, tabs) {
  const where = `Step ${number}`;
  onlyKnown(given, [...Object.keys(LONGEST), "tab", "timeline"], where);
  for (const [key, longest] of Object.entries(LONGEST)) {
    if (typeof given[key] !== "string" || !given[key].trim()) refuse(`${where} lacks "${key}": give a sentence in quotes.`);
    if (given[key].length > longest) {
      refuse(`"${key}" of ${where} has ${given[key].length} letters; ${longest} at most can be shown beside the pictures.`);
    }
  }
  if (!tabs.includes(given.tab)) {
    refuse(`${where} has the tab ${JSON.stringify(given.tab) ?? "nothing"}; this page has ${listed(tabs)}.`);
  }
  const timeline = given.timeline === undefined ? {} : checkedTimeline(given.timeline, where);
  if (given.timeline !== undefined && given.tab !== "emergence") refuse(`${where} has a timeline, but is not on the tab "emergence".`);
  return { title: given.title, see: given.see, ask: given.ask, tab: given.tab, timeline };
}

// The steps in the text of a file; an Error whose message says what is wrong, and what would be right.
export function readSteps(text, tabs) {
  let given = null;
  try {
    given = JSON.parse(text);
  } catch (error) {
    refuse(`This is no JSON (${error.message}). “Save these steps” gives a file to start from.`);
  }
  onlyKnown(given, ["steps"], "The file");
  if (!Array.isArray(given.steps) || !given.steps.length) refuse('The file has no steps: give {"steps": [{"title": …}, …]}.');
  if (given.steps.length > MOST_STEPS) refuse(`The file has ${given.steps.length} steps; a tour takes ${MOST_STEPS} at most.`);
  return given.steps.map((step, i) => checkedStep(step, i + 1, tabs));
}

export async function readFile(file, tabs) {
  if (file.size > LARGEST) refuse(`${file.name} has ${Math.ceil(file.size / 1024)} KB; steps take ${LARGEST / 1024} KB at most.`);
  return readSteps(await file.text(), tabs);
}

// The same steps as such a file.
export function written(steps) {
  const bare = steps.map(({ timeline, ...step }) => (Object.keys(timeline).length ? { ...step, timeline } : step));
  return `${JSON.stringify({ steps: bare }, null, 2)}\n`;
}
