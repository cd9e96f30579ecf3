// The line above the pictures (blend, side by side, smooth, save) and the one below (scale, how to read it).

import { byFinger, isFreeKey, make } from "./elements.js";
import { PALETTES, paletteGradient } from "./palettes.js";

export function buildToolbar() {
  const range = { type: "range", min: "0", max: "1", step: "0.01" };
  const blend = make("input", "", { ...range, "aria-label": "Blend original and view" });
  const split = switchButton("Side by side");
  const smooth = switchButton("Smooth");
  const read = readSwitch();
  const save = make("button", "dino-button", { type: "button", title: "Save all pictures as shown (PNG)" }, "Save PNG");
  const close = make("button", "dino-button dino-close", { type: "button" }, "Back to all");
  const bar = make(
    "div",
    "dino-toolbar",
    {},
    make("label", "dino-blend", {}, make("span", "", {}, "Original"), blend, make("span", "", {}, "View")),
    split,
    smooth,
    read,
    make("span", "dino-space"),
    close,
    save,
  );
  return { bar, blend, split, smooth, read, save, close };
}

export function switchButton(label) {
  return make("button", "dino-button dino-switch", { type: "button", "aria-pressed": "false" }, label);
}

// Between a pointer that asks and one that reads, for whoever mounts it; see `wireReading`.
export function readSwitch() {
  const made = switchButton("Numbers");
  made.title = "The pointer says the number of a patch instead of asking what is like it (key R)";
  made.setAttribute("aria-keyshortcuts", "R");
  return made;
}

// Let the switch and the key R turn `question` from asking to reading and back; `turned` is called afterwards.
export function wireReading(button, question, outside, turned) {
  function turn() {
    pressed(button, !question.reads);
    turned(!question.reads);
    question.read(!question.reads);
  }
  button.addEventListener("click", turn);
  outside(document, "keydown", (event) => {
    if (event.key.toLowerCase() === "r" && isFreeKey(event) && button.getClientRects().length) turn();
  });
}

export function pressed(button, value) {
  if (value !== undefined) button.setAttribute("aria-pressed", String(value));
  return button.getAttribute("aria-pressed") === "true";
}

export function buildReading() {
  const low = make("span", "dino-low");
  const high = make("span", "dino-high");
  const strip = make("span", "dino-strip", { "aria-hidden": "true" });
  const scale = make("span", "dino-scale", {}, low, strip, high);
  const entries = make("span", "dino-entries");
  const text = make("span", "dino-text");
  const back = make("button", "dino-button", { type: "button", title: "Switch between the view and the answer" });
  const clear = make("button", "dino-button", { type: "button" }, "Clear");
  const actions = make("span", "dino-actions", {}, back, clear);
  const spoken = make("span", "dino-spoken", { role: "status", "aria-live": "polite" });
  const line = make("div", "dino-reading", {}, scale, entries, text, actions, spoken);
  return { line, low, high, strip, scale, entries, text, back, clear, actions, spoken };
}

export const POINT_TO_READ = "Reading: point at a patch, tap it, or move with the arrow keys; Enter or a click keeps it.";

// Say how to read the view that is shown, or `words` instead.
export function readView(reading, view, words = "") {
  const legend = (view && view.legend) || {};
  showScale(reading, legend.palette, legend.low, legend.high);
  reading.entries.replaceChildren(
    ...(legend.entries || []).map(([colour, label]) => {
      const patch = make("i");
      patch.style.background = colour;
      const entry = make("span", "dino-entry", {}, patch);
      entry.append(label);
      return entry;
    }),
  );
  reading.text.textContent = words || (view && view.caption) || "";
}

// Say how to read the answer to a question of `marks`, or `words` instead.
export function readAnswer(reading, palette, scale, marks, held, words = "") {
  showScale(reading, palette, ...endsInWords(scale));
  reading.entries.replaceChildren();
  const added = marks.filter((mark) => mark.sign > 0).length;
  const taken = marks.length - added;
  const patches = added === 1 ? "1 patch" : `${added} patches`;
  const asked = marks.length === 1 ? "the outlined patch" : patches + (taken ? ` minus ${taken}` : "");
  const next = [
    ["Click to keep the question.", "Shift-click adds, Alt-click subtracts, Escape clears."],
    ["", "Drag the outlined patch, or tap it to clear."],
  ][Number(byFinger())][Number(held)];
  reading.text.textContent =
    words ||
    `Similarity to ${asked} as cosine, up to the best match; 1 is the same direction. Ringed: the best matches. ${next}`;
}

export function endsInWords({ low, high }) {
  return [low, high].map((end) => end.toFixed(2).replace("-", "−"));
}

function showScale(reading, palette, low, high) {
  const known = palette in PALETTES;
  reading.scale.hidden = !known;
  if (!known) return;
  reading.strip.dataset.palette = palette;
  reading.strip.style.background = paletteGradient(palette);
  reading.low.textContent = low ?? "";
  reading.high.textContent = high ?? "";
}

// What stands where no picture is.
export function buildEmpty() {
  const add = make("button", "dino-button dino-primary", { type: "button" }, "Add pictures");
  add.addEventListener("click", () => {
    document.querySelector("button#add-files, #add-files button, #add-files")?.click();
  });
  const title = make("p", "dino-title", {}, "No picture is selected");
  const text = make(
    "p",
    "",
    {},
    "Choose pictures in the tray to look at up to eight of them together, or bring your own" +
      (byFinger() ? "." : ": drop files anywhere on this page, or paste one."),
  );
  return make("div", "dino-empty", {}, title, text, add);
}
