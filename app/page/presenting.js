// For a class: what surrounds the pictures folds away, words are large, and a spotlight points without asking anything.
// P begins and ends it, S switches the spotlight, Escape ends it.

import { make, makeButton, share } from "./elements.js";

const ANSWERING = ".dino-board, .dino-columns, .dino-map, .dino-query, .dino-results";
const SHONE_ON = `${ANSWERING}, #clip, #clip-out, .dino-curves-plot`;
const ASKING = ["pointermove", "pointerdown", "pointerup", "pointerleave", "click", "dblclick"];
const spot = make("div", "dino-spot", { "aria-hidden": "true", hidden: "" });
const light = makeButton("dino-button dino-switch", "Spotlight", () => setLight(!lit()));
light.title = "A pointer that asks nothing (S)";
const end = makeButton("dino-button", "End", () => present(false));
end.title = "Back to the whole page (Escape)";
const bar = make("div", "dino-presenting-bar", { role: "toolbar", "aria-label": "Presentation" }, light, end);

const presenting = () => document.body.classList.contains("dino-presenting");
const lit = () => light.getAttribute("aria-pressed") === "true";

function setLight(on) {
  light.setAttribute("aria-pressed", String(on));
  document.body.classList.toggle("dino-lit", on && presenting());
  spot.hidden = true; // until the pointer moves
}

function present(on) {
  document.body.classList.toggle("dino-presenting", on);
  if (on) {
    // Gradio lets rules for narrow windows hold inside of this only
    (document.querySelector(".gradio-container .contain") ?? document.body).append(spot, bar);
  } else {
    spot.remove();
    bar.remove();
  }
  setLight(on);
  window.dispatchEvent(new Event("resize")); // the pictures take the room
}

// Over pictures the pointer only shines: what would answer does not hear of it.
function shine(event) {
  if (!presenting() || !lit()) return;
  const target = event.target.closest ? event.target : document.body;
  if (event.type === "pointermove") {
    spot.hidden = !target.closest(SHONE_ON);
    spot.style.setProperty("--x", `${event.clientX}px`);
    spot.style.setProperty("--y", `${event.clientY}px`);
  }
  if (target.closest(ANSWERING) && !target.closest("button, input, a, label")) event.stopPropagation();
}
for (const name of ASKING) window.addEventListener(name, shine, true);

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const typing = event.target.closest?.("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=range])");
  const key = event.key.toLowerCase();
  if (key === "escape" && presenting() && !document.querySelector(".dino-large, .dino-tour")) present(false);
  else if (typing) return;
  else if (key === "p") present(!presenting());
  else if (key === "s" && presenting()) setLight(!lit());
  else return;
  event.preventDefault();
  event.stopPropagation();
}
window.addEventListener("keydown", press, true);
share({ present: () => present(!presenting()) });
