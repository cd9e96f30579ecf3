// Files on their way in: handed to an upload button, which checks and sends them as if they had been chosen there. More
// than the tray has room for can become a collection. Buttons are known by their ids: `add-files` for the tray,
// `search-add` for the collection that is chosen, `search-make` for a new one.

import { make, makeButton } from "./elements.js";

const TRAY_HOLDS = 24;
const PATIENCE_MS = 20000;
const SLASH = "\u2215"; // in the place of /, which names of files that are sent cannot hold; the server turns it back

// Gradio puts the input of an upload button just before it.
function inputOf(id) {
  const button = document.getElementById(id);
  const beside = button?.previousElementSibling;
  return beside?.matches("input[type=file]") ? beside : button?.querySelector("input[type=file]");
}

function hand(id, files) {
  const input = inputOf(id);
  if (!input || !files.length) return false;
  const carried = new DataTransfer();
  for (const file of files) carried.items.add(file);
  input.files = carried.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}

const room = () => Math.max(0, TRAY_HOLDS - document.querySelectorAll("#tray li").length);

// Files for the tray; whether there was anything to do with them.
export function bring(files) {
  if (files.length <= Math.max(room(), 1)) return hand("add-files", files.map(alone));
  offer(files);
  return true;
}

// Files that were dropped on something, folders read through.
export async function dropped(event) {
  const place = event.target.closest?.("#search-fill");
  const files = await filesOf(event.dataTransfer);
  if (place) hand("search-add", files);
  else bring(files);
}

// Too many that were chosen for the tray are asked about before Gradio sends them; those of a folder keep their way.
document.addEventListener(
  "change",
  (event) => {
    const input = event.target;
    if (!event.isTrusted || !input.files) return;
    const [toTray, folder] = [input === inputOf("add-files"), input === inputOf("search-add-folder")];
    if (!folder && !(toTray && input.files.length > Math.max(room(), 1))) return;
    event.stopImmediatePropagation();
    const files = [...input.files].map((file) => wayIn(file, file.webkitRelativePath));
    input.value = "";
    if (folder) hand("search-add-folder", files);
    else offer(files);
  },
  true,
);

function offer(files) {
  const [all, few] = [files.length.toLocaleString("en"), room()];
  const dialog = make("dialog", "dino-offer", { "aria-label": "Many files" });
  const choose = (text, primary, act) => {
    const button = makeButton(`dino-button${primary ? " dino-primary" : ""}`, text, () => {
      dialog.close();
      act();
    });
    return button;
  };
  const buttons = [choose(`Make a collection of all ${all}`, true, () => collect(files))];
  if (few) buttons.push(choose(few === 1 ? "Add the first to the tray" : `Add the first ${few} to the tray`, false, () => hand("add-files", files.slice(0, few).map(alone))));
  buttons.push(choose("Cancel", false, () => {}));
  const text = few
    ? `The tray has room for ${few} more. A collection holds any number, and is searched and mapped as a whole.`
    : "The tray is full. A collection holds any number, and is searched and mapped as a whole.";
  dialog.append(make("p", "dino-title", {}, `${all} files`), make("p", "", {}, text), make("div", "dino-offer-buttons", {}, ...buttons));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// A tab is built when it is first looked at.
async function collect(files) {
  document.getElementById("tab-search-button")?.click();
  const until = performance.now() + PATIENCE_MS;
  while (!inputOf("search-make") && performance.now() < until) {
    await new Promise((done) => setTimeout(done, 50));
  }
  hand("search-make", files);
}

// A file of a folder, with the way to it in its name: folders may be labels.
function wayIn(file, path) {
  return path.includes("/") ? new File([file], path.replaceAll("/", SLASH), { type: file.type }) : file;
}

// The same without it: the tray has no folders.
function alone(file) {
  return file.name.includes(SLASH) ? new File([file], file.name.split(SLASH).pop(), { type: file.type }) : file;
}

async function filesOf(carried) {
  const plain = [...carried.files];
  const entries = [...carried.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  const found = [];
  for (const entry of entries) await read(entry, found);
  return found;
}

async function read(entry, found) {
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    found.push(wayIn(file, entry.fullPath.replace(/^\//, "")));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed)); // a hundred at a time
    if (!some.length) return;
    for (const inner of some) await read(inner, found);
  }
}
