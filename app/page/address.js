// The address is the view: every change of the tab is a step of the browser's history, and within one the address
// follows what is shown. Python reads it as the page opens; see `app.page.address`, which says what it looks like.

import { make, makeButton, outsideOf, share } from "./elements.js";

const SECRET = "dinoscope-tray"; // as `app.page.address` reads it; kept for this browser tab alone
const OWN = "own-"; // begins the names of a visitor's own pictures, which a link for others leaves out
// Marks the steps of the history that belong together: a reload is the same visit, an address that somebody put in the
// place of this one begins another.
const VISIT = history.state?.dinoscope || String(Math.random()).slice(2);
const OURS = { dinoscope: VISIT };
const ARRIVE_MS = 30000; // no tab has the name of the address, where none of it comes within this time

const tabButton = (name) => name && document.getElementById(`tab-${name}-button`);
const tabSeen = () => document.querySelector("#tabs [role=tab][aria-selected=true]")?.dataset.tabId || "";
const tabOf = (fragment) => fragment.slice(1).split("?")[0];

function plain(text) {
  return encodeURIComponent(text).replace(/%2F/g, "/").replace(/%3A/g, ":");
}

function keep(secret) {
  try {
    if (secret) sessionStorage.setItem(SECRET, secret);
  } catch {
    // storage can be forbidden; a reload then opens the page anew
  }
}

// -> "pca&…": the parts of an address after its tab. `forOthers` leaves out what only this visitor can see.
function partsOf(shown, names, pins, forOthers) {
  const told = (name) => name && !(forOthers && name.startsWith(OWN));
  const marks = pins.filter((pin) => told(names[pin.picture]));
  const pinned = marks.map(({ picture, x, y, sign }) => {
    return `${sign < 0 ? "-" : ""}${[names[picture], +x.toFixed(4), +y.toFixed(4)].join(":")}`;
  });
  const parts = { ...shown, pictures: shown.pictures.filter(told), pins: pinned };
  const written = Object.entries(parts).filter(([, value]) => value.length);
  return written.map(([name, value]) => `${name}=${[value].flat().map(plain).join(",")}`).join("&");
}

function buildLink() {
  const field = make("input", "dino-link-field", { type: "text", readonly: "", "aria-label": "Link to this view" });
  const words = make("p", "dino-link-words", { role: "status" });
  const close = make("button", "dino-button", { type: "button" }, "Close");
  const panel = make("div", "dino-link-panel", { role: "group", "aria-label": "Copy link" }, field, words, close);
  panel.hidden = true;
  return { panel, field, words, close };
}

export function mount({ element, props, watch }) {
  let tab = tabOf(location.hash);
  let pins = [];
  const link = buildLink();
  const button = makeButton("dino-link-button", "Copy link", () => (link.panel.hidden ? copy() : close()));
  button.setAttribute("aria-expanded", "false");
  button.title = "A link that opens this tab, model, view, block, resolution, pictures and pins";
  element.replaceChildren(button, link.panel);

  const known = () => props.shown?.pictures;

  function fragment(forOthers = false) {
    const parts = known() ? partsOf(props.shown, props.names, pins, forOthers) : location.hash.split("?")[1];
    return `#${tab}${parts ? `?${parts}` : ""}`;
  }

  function draw() {
    if (!known()) return;
    if (!tabButton(tab)) tab = tabSeen();
    if (tab && location.hash !== fragment()) history.replaceState(OURS, "", fragment());
    else if (history.state?.dinoscope !== VISIT) history.replaceState(OURS, "");
  }

  // Whether there is such a tab; it is shown.
  function show(name) {
    const there = tabButton(name);
    if (!there) return false;
    tab = name;
    if (there.getAttribute("aria-selected") === "false") there.click();
    return true;
  }

  async function copy() {
    link.field.value = location.href.split("#")[0] + fragment(true);
    const own = (props.shown?.pictures || []).filter((name) => name.startsWith(OWN)).length;
    const left = own === 1 ? "Your own picture is not in it" : `Your ${own} own pictures are not in it`;
    const copied = await navigator.clipboard?.writeText(link.field.value).then(
      () => true,
      () => false,
    );
    const what = copied ? "Copied: it opens this view" : "Copy this link: it opens this view";
    link.words.textContent = `${what}, with its samples and pins. ${own ? `${left}: only you can see them.` : ""}`;
    link.panel.hidden = false;
    button.setAttribute("aria-expanded", "true");
    link.field.focus();
    link.field.select();
  }

  function close(back = true) {
    link.panel.hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (back) button.focus();
  }

  function hand() {
    pins = props.pins || [];
    share({ pins }); // for a stage that is built later
    window.dispatchEvent(new CustomEvent("dinoscope:pins"));
  }

  function listenOutside() {
    const outside = outsideOf(element);
    outside(document, "click", (event) => {
      if (!link.panel.hidden && !element.contains(event.target)) close(false);
      const name = event.target.closest?.("#tabs [role=tab]")?.dataset.tabId;
      if (!name || name === tab) return;
      tab = name;
      history.pushState(OURS, "", fragment());
    });
    outside(window, "popstate", (event) => {
      if (event.state?.dinoscope !== VISIT && location.hash.includes("?")) location.reload();
      else {
        show(tabOf(location.hash));
        draw();
      }
    });
    outside(window, "dinoscope:held", (event) => {
      pins = event.detail;
      draw();
    });
  }

  link.close.addEventListener("click", () => close());
  link.panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // it clears the pins, too
    close();
  });
  listenOutside();
  watch("secret", () => keep(props.secret));
  watch("pins", hand);
  watch(["shown", "names"], draw);
  keep(props.secret);
  hand();
  draw();
  if (tab && !show(tab)) {
    const arrivals = new MutationObserver(() => show(tab) && arrivals.disconnect());
    arrivals.observe(document, { childList: true, subtree: true });
    setTimeout(() => arrivals.disconnect(), ARRIVE_MS);
  }
}
