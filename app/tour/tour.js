// The tour: a card that stays in its corner while the page behind it is shown and used.

import { isFreeKey, make, makeButton, share } from "../page/elements.js";

// Gradio lets rules for narrow windows hold inside of this only.
function page() {
  return document.querySelector(".gradio-container .contain") ?? document.body;
}

function tabOf(stop) {
  return document.getElementById(`tab-${stop.tab}-button`);
}

// Bring the page to where the step is. What a tab shall show waits for it where the tab is not there yet.
function show(stop) {
  const tab = tabOf(stop);
  if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
  if (!Object.keys(stop.timeline).length) return;
  share({ wanted: stop.timeline });
  window.dispatchEvent(new CustomEvent("dinoscope:timeline"));
}

// `stops` as `app.tour.steps` tells them. `window.dinoscope.tour()` opens the card, and closes it.
export function start(stops) {
  let card = null;
  let at = 0;

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
    page().classList.remove("dino-touring");
    document.querySelector("button#tour, #tour button")?.focus();
  }

  function go(to) {
    at = Math.min(Math.max(to, 0), stops.length - 1);
    const stop = stops[at];
    const away = makeButton("dino-tour-close", "×", close);
    away.setAttribute("aria-label", "End the tour");
    const count = make("span", "dino-tour-count", {}, `${at + 1} of ${stops.length}`);
    const ask = make("p", "dino-tour-ask", {}, make("strong", "", {}, "Try. "), stop.ask);
    card.replaceChildren(
      make("div", "dino-tour-head", {}, count, make("div", "dino-tour-dots", {}, ...stops.map(dot)), away),
      make("div", "dino-tour-words", {}, make("h2", "", {}, stop.title), make("p", "", {}, stop.see), ask),
      make("div", "dino-tour-line", {}, ...buttons(stop)),
    );
    card.focus({ preventScroll: true });
    show(stop);
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
    const again = makeButton("dino-button", "Show it again", () => show(stop));
    again.hidden = !tabOf(stop);
    const last = at === stops.length - 1;
    return [back, again, makeButton("dino-button dino-primary", last ? "Done" : "Next", last ? finish : () => go(at + 1))];
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
