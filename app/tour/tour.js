// The tour: a bar along the lower edge, while the page above it is shown and used; what a step speaks of is scrolled
// into the part that the bar leaves free.

import { byFinger, isFreeKey, make, makeButton, share } from "../page/elements.js";
import { readFile, written } from "./file.js";

const GAP = 10; // px between what is shown and the bar
const SETTLING_MS = 4000; // in which a step's pictures may still come and grow

// Gradio lets rules for narrow windows hold inside of this only.
function page() {
  return document.querySelector(".gradio-container .contain") ?? document.body;
}

function tabs() {
  return [...document.querySelectorAll("#tabs [role=tab]")].map((button) => button.dataset.tabId);
}

function tabOf(stop) {
  return document.getElementById(`tab-${stop.tab}-button`);
}

// What a step speaks of: the curves where they run, else the pictures of its tab.
function subjectOf(stop) {
  const panel = document.getElementById(`tab-${stop.tab}`);
  const kinds = stop.timeline.at === "play" ? [".dino-curves"] : [".dino-board", ".dino-columns", ".dino-map", "#search-sides", "#clip"];
  return kinds.map((kind) => panel?.querySelector(kind)).find((node) => node?.getClientRects().length) ?? panel;
}

// Bring the page to where the step is. What a tab shall show waits for it where the tab is not there yet.
function show(stop) {
  const tab = tabOf(stop);
  if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
  if (!Object.keys(stop.timeline).length) return;
  share({ wanted: stop.timeline });
  window.dispatchEvent(new CustomEvent("dinoscope:timeline"));
}

// Scroll so that the bar covers nothing of it: its lower edge above the bar, its upper edge in sight where both fit.
function bringIntoSight(node, bar) {
  const box = node.getBoundingClientRect();
  const free = innerHeight - bar.offsetHeight - GAP;
  const fits = box.height <= free - GAP;
  const wanted = fits ? Math.min(Math.max(box.top, GAP), free - box.height) : box.height > 1.5 * free ? GAP : free - box.height;
  if (Math.abs(box.top - wanted) > 1) window.scrollBy({ top: box.top - wanted, behavior: "instant" });
}

function saveFile(text) {
  const link = make("a", "", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: "dinoscope-tour.json" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// `shipped` as `app.tour.steps` tells them. `window.dinoscope.tour()` opens the bar, and closes it.
export function start(shipped) {
  let stops = shipped;
  let card = null;
  let at = 0;
  let follow = 0; // until when what is shown is held in sight
  const told = make("p", "dino-tour-told", { role: "alert" });
  const file = make("input", "", { type: "file", accept: ".json,application/json", hidden: "", "aria-label": "Steps of your own" });
  file.addEventListener("change", take);
  for (const name of ["wheel", "touchmove", "pointerdown"]) {
    window.addEventListener(name, () => (follow = 0), { passive: true, capture: true }); // whoever scrolls goes where they like
  }

  async function take() {
    const [chosen] = file.files;
    file.value = "";
    if (!chosen) return;
    try {
      stops = await readFile(chosen, tabs());
      go(0);
    } catch (error) {
      told.textContent = `${chosen.name} was not opened. ${error.message}`;
    }
  }

  function open() {
    if (card) return close();
    card = make("section", "dino-tour", { tabindex: "-1", role: "dialog", "aria-label": "Tour" });
    card.addEventListener("keydown", pressed);
    page().append(card);
    page().classList.add("dino-touring");
    return go(at);
  }

  function close() {
    card?.remove();
    card = null;
    follow = 0;
    page().classList.remove("dino-touring");
    page().style.removeProperty("--dino-tour-height");
    document.querySelector("button#tour, #tour button")?.focus();
  }

  function go(to) {
    at = Math.min(Math.max(to, 0), stops.length - 1);
    const stop = stops[at];
    const away = makeButton("dino-tour-close", "×", close);
    away.setAttribute("aria-label", "End the tour");
    const count = make("span", "dino-tour-count", {}, `${at + 1} of ${stops.length}`);
    const ask = make("p", "dino-tour-ask", {}, make("strong", "", {}, "Try. "), stop.ask);
    told.textContent = "";
    card.replaceChildren(
      make("div", "dino-tour-head", {}, count, make("div", "dino-tour-dots", {}, ...stops.map(dot)), away),
      make("div", "dino-tour-words", {}, make("h2", "", {}, stop.title), make("p", "", {}, stop.see), ask, told),
      make("div", "dino-tour-line", {}, ...buttons(stop)),
    );
    card.focus({ preventScroll: true });
    showAll(stop);
  }

  function showAll(stop) {
    show(stop);
    page().style.setProperty("--dino-tour-height", `${card.offsetHeight}px`);
    follow = performance.now() + SETTLING_MS;
    requestAnimationFrame(hold);
  }

  // Pictures come late and push others down: what is shown stays in sight while they settle.
  function hold() {
    if (!card || performance.now() > follow) return;
    const subject = subjectOf(stops[at]);
    if (subject) bringIntoSight(subject, card);
    requestAnimationFrame(hold);
  }

  function dot(stop, i) {
    const made = makeButton("dino-tour-dot", "", () => go(i));
    made.setAttribute("aria-label", `${i + 1}: ${stop.title}`);
    made.setAttribute("aria-current", i === at ? "step" : "false");
    return made;
  }

  function buttons(stop) {
    const back = makeButton("dino-button", "Back", () => go(at - 1));
    back.disabled = at === 0;
    const again = makeButton("dino-button", "Show it again", () => showAll(stop));
    again.hidden = !tabOf(stop);
    const own = makeButton("dino-button", "Open steps …", () => file.click());
    own.title = "Steps of your own, as a JSON file; it stays on this machine";
    const save = makeButton("dino-button", "Save these steps", () => saveFile(written(stops)));
    save.title = "As a JSON file, to write your own after";
    own.hidden = save.hidden = byFinger();
    const last = at === stops.length - 1;
    return [own, save, file, back, again, makeButton("dino-button dino-primary", last ? "Done" : "Next", last ? finish : () => go(at + 1))];
  }

  function finish() {
    at = 0;
    close();
  }

  function pressed(event) {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: stops.length - 1 }[event.key];
    if (event.key === "Escape") close();
    else if (to !== undefined) go(to);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "t" && isFreeKey(event)) open();
  });
  share({ tour: open });
}
