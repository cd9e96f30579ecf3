// The tour: a card that stays in its corner while the page behind it is shown and used. STOPS comes before it.

let card = null;
let at = 0;

function part(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function button(className, text, press) {
  const node = part("button", className, text);
  node.type = "button";
  node.addEventListener("click", press);
  return node;
}

// Gradio lets rules for narrow windows hold inside of this only.
function page() {
  return document.querySelector(".gradio-container .contain") ?? document.body;
}

function open() {
  if (card) return close();
  card = part("section", "dino-tour");
  card.tabIndex = -1;
  card.setAttribute("role", "dialog");
  card.setAttribute("aria-label", "Tour");
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
  at = Math.min(Math.max(to, 0), STOPS.length - 1);
  const stop = STOPS[at];
  const dots = part("div", "dino-tour-dots");
  STOPS.forEach((one, i) => {
    const dot = button("dino-tour-dot", "", () => go(i));
    dot.setAttribute("aria-label", `${i + 1}: ${one.title}`);
    dot.setAttribute("aria-current", i === at ? "step" : "false");
    dots.append(dot);
  });
  const ask = part("p", "dino-tour-ask");
  ask.append(part("strong", "", "Try. "), stop.ask);
  const back = button("dino-button", "Back", () => go(at - 1));
  back.disabled = at === 0;
  const last = at === STOPS.length - 1;
  const next = button("dino-button dino-primary", last ? "Done" : "Next", () => (last ? (at = 0, close()) : go(at + 1)));
  const again = button("dino-button", "Show it again", () => show(stop));
  again.hidden = !tabOf(stop);
  const line = part("div", "dino-tour-line");
  line.append(back, again, next);
  const head = part("div", "dino-tour-head");
  head.append(part("span", "dino-tour-count", `${at + 1} of ${STOPS.length}`), dots);
  const away = button("dino-tour-close", "×", close);
  away.setAttribute("aria-label", "End the tour");
  head.append(away);
  const words = part("div", "dino-tour-words");
  words.append(part("h2", "", stop.title), part("p", "", stop.see), ask);
  card.replaceChildren(head, words, line);
  card.focus({ preventScroll: true });
  show(stop);
}

function tabOf(stop) {
  return document.getElementById(`tab-${stop.tab}-button`);
}

// Bring the page to where the step is. What a tab shall show waits for it where the tab is not there yet.
function show(stop) {
  const tab = tabOf(stop);
  if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
  if (!Object.keys(stop.timeline).length) return;
  window.dinoscope = Object.assign(window.dinoscope || {}, { wanted: stop.timeline });
  window.dispatchEvent(new CustomEvent("dinoscope:timeline"));
}

function pressed(event) {
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: STOPS.length - 1 }[event.key];
  if (event.key === "Escape") close();
  else if (to !== undefined) go(to);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "t" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) open();
});
window.dinoscope = Object.assign(window.dinoscope || {}, { tour: open });
