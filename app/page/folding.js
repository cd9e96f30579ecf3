// Leads and the banner fold away once they were read, and stay so; a button beside the tabs shows a lead again. What a
// narrow window folds away is shown by buttons.

import { make, makeButton, share } from "./elements.js";

const READ = "dinoscope-read"; // names of tabs, and the banner's words
const narrow = matchMedia("(max-width: 760px)");
const read = new Set(remembered());
const asked = new Map(); // by tab, whether the visitor wants its lead to be seen
let current = "";
let due = 0;

function remembered() {
  try {
    const known = JSON.parse(localStorage.getItem(READ) ?? "[]");
    return Array.isArray(known) ? known : [];
  } catch {
    return []; // storage can be forbidden, or hold another's words
  }
}

function remember(name) {
  if (!name || read.has(name)) return;
  read.add(name);
  try {
    localStorage.setItem(READ, JSON.stringify([...read].slice(-50)));
  } catch {
    // not remembered, see above
  }
}

// On a narrow window the pictures come first, and whoever wants to read asks.
function isOpen(name) {
  return asked.get(name) ?? !(narrow.matches || read.has(name));
}

const label = make("span", "dino-lead-words", {}, "What you see");
const toggle = makeButton("dino-button dino-lead-toggle", "", () => {
  asked.set(current, !isOpen(current));
  if (!asked.get(current)) remember(current);
  apply();
});
toggle.append(label);
toggle.setAttribute("aria-label", "What you see, and what to try");

function apply() {
  const name = document.querySelector("#tabs [role=tab][aria-selected=true]")?.dataset.tabId ?? "";
  if (name !== current) {
    if (current && isOpen(current)) remember(current); // seen, and left
    asked.delete(current);
    current = name;
  }
  const lead = document.querySelector(`#tab-${current} .lead`);
  lead?.classList.toggle("dino-folded", !isOpen(current));
  toggle.hidden = !lead;
  toggle.setAttribute("aria-expanded", String(Boolean(lead) && isOpen(current)));
  const main = document.getElementById("main");
  if (main && toggle.parentElement !== main) main.append(toggle);
  foldBanner();
}

function foldBanner() {
  const banner = document.getElementById("banner");
  const words = banner?.textContent.trim();
  if (words) banner.classList.toggle("dino-folded", read.has(words));
}

// Show what a narrow window folds away, or fold it again; its button has its id and "-fold".
share({
  unfold(id) {
    const open = document.getElementById(id).classList.toggle("dino-open");
    document.getElementById(`${id}-fold`).setAttribute("aria-expanded", String(open));
  },
});

window.addEventListener("pagehide", () => {
  if (isOpen(current)) remember(current);
  remember(document.getElementById("banner")?.textContent.trim());
});
narrow.addEventListener("change", apply);

// Gradio builds a tab when it is first looked at.
new MutationObserver(() => {
  due ||= requestAnimationFrame(() => {
    due = 0;
    apply();
  });
}).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
apply();
