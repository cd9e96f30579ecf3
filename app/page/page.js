// What belongs to the whole page: files pasted or dropped anywhere, keys, light and dark. The page's own buttons call
// What belongs to the whole page: files pasted or dropped anywhere, keys, light and dark. The page's own buttons call
// `window.dinoscope.toggleShade()` and `stopping(id)`, and are found here by their ids: the views `view`, `help`.

import { bring, dropped } from "./dropping.js";
import { isFreeKey, make, share } from "./elements.js";

const SHADE = "dinoscope-shade";

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])].filter((file) => file.type.startsWith("image/"));
  if (files.length && bring(files)) event.preventDefault();
});

// Whether an element is there and its tab is the one looked at.
function isSeen(node) {
  return Boolean(node?.getClientRects().length);
}

let veil = null;
let leaving = 0;
function showVeil(shown) {
  clearTimeout(leaving);
  document.body.classList.toggle("dino-dragged", shown);
  if (!shown) {
    veil?.remove();
    veil = null;
  } else if (!veil) {
    const field = isSeen(document.getElementById("search-fill")) ? ", on the field to add them to a collection" : "";
    veil = make("div", "dino-veil", {}, `Drop pictures to add them to the tray${field}`);
    document.body.append(veil);
  }
}
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    showVeil(true);
  });
}
document.addEventListener("dragleave", () => {
  leaving = setTimeout(() => showVeil(false), 120); // it is also sent between two elements
});
document.addEventListener(
  "drop",
  (event) => {
    if (!carriesFiles(event)) return;
    showVeil(false);
    event.preventDefault();
    event.stopPropagation();
    dropped(event);
  },
  true,
);

document.addEventListener("keydown", (event) => {
  if (!isFreeKey(event)) return;
  if (event.key >= "1" && event.key <= "9") {
    const view = document.getElementById("view");
    if (isSeen(view)) view.querySelectorAll("input[type=radio]")[Number(event.key) - 1]?.click();
  } else if (event.key === "?") {
    document.querySelector("button#help, #help button")?.click();
  }
});

function setShade(dark) {
  document.body.classList.toggle("dark", dark);
}

function remembered() {
  try {
    return localStorage.getItem(SHADE);
  } catch {
    return null; // storage can be forbidden; the page then follows the system
  }
}

function toggleShade() {
  const dark = !document.body.classList.contains("dark");
  setShade(dark);
  try {
    localStorage.setItem(SHADE, dark ? "dark" : "light");
  } catch {
    // not remembered, see above
  }
}

// Words of progress in an element say that it ends, until the server sends others.
function stopping(id) {
  const element = document.getElementById(id);
  const words = [...(element?.querySelectorAll(".busy, p, span") ?? [])].findLast((node) => node.textContent.trim());
  if (words) words.textContent = "Stopping …";
}

if (remembered()) setShade(remembered() === "dark");
share({ toggleShade, stopping });
