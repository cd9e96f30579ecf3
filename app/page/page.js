// What belongs to the whole page: files pasted or dropped anywhere, keys, light and dark. The page's own buttons call
// `window.dinoscope.toggleShade()` and `stopping(id)`, and are found here by their ids: the files input `add-files`, the views `view`, `help`.

import { isFreeKey, make, share } from "./elements.js";

const SHADE = "dinoscope-shade";

// Gradio puts the input of an upload button just before it.
function fileInput() {
  const button = document.getElementById("add-files");
  const beside = button?.previousElementSibling;
  return beside?.matches("input[type=file]") ? beside : button?.querySelector("input[type=file]");
}

// Hand files to the upload button, which checks and sends them as if they had been chosen there.
function add(files) {
  const input = fileInput();
  if (!input || !files.length) return false;
  const carried = new DataTransfer();
  for (const file of files) carried.items.add(file);
  input.files = carried.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])].filter((file) => file.type.startsWith("image/"));
  if (add(files)) event.preventDefault();
});

// Whether an element is there and its tab is the one looked at.
function isSeen(node) {
  return Boolean(node?.getClientRects().length);
}

let veil = null;
let leaving = 0;
function showVeil(shown) {
  clearTimeout(leaving);
  if (!shown) {
    veil?.remove();
    veil = null;
  } else if (!veil) {
    veil = make("div", "dino-veil", {}, "Drop pictures to add them to the tray");
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
    add([...event.dataTransfer.files]);
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
