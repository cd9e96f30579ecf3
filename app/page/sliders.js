// Gradio's sliders as this page wants them: they answer to the keyboard, and any number typed into their field is taken,
// rounded to what there is, and told; Gradio's own sends it as it is and then cuts it without a word.

import { make } from "./elements.js";

// Gradio's sliders answer when the pointer lets them go. Those who move them by keyboard let go of a key instead.
document.addEventListener("keyup", (event) => {
  const moves = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];
  if (moves.includes(event.key) && event.target.matches?.(".gradio-container input[type=range]")) {
    event.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  }
});

const before = new WeakMap(); // number field -> its value when typing began

// The field of a slider and the slider itself, or null where `target` is something else.
function sliderOf(target) {
  if (!target.matches?.(".gradio-container input[type=number]")) return null;
  const block = target.closest(".block");
  const range = block?.querySelector("input[type=range]");
  return range ? { field: target, block, range } : null;
}

// The nearest number that the slider offers.
function rounded(number, range) {
  const [least, most, step] = [Number(range.min), Number(range.max), Number(range.step) || 1];
  const last = least + Math.floor((most - least) / step + 1e-6) * step;
  const nearest = least + Math.floor((number - least) / step + 0.5) * step;
  return Number(Math.min(Math.max(nearest, least), last).toFixed(6));
}

function tell({ block }, words) {
  const told = block.querySelector(".dino-rounded") ?? make("p", "dino-rounded", { role: "status" });
  if (!told.isConnected) block.append(told);
  told.textContent = words;
  told.hidden = !words;
}

function number(value) {
  return value.toLocaleString("en", { maximumFractionDigits: 6 });
}

document.addEventListener("focusin", (event) => {
  const slider = sliderOf(event.target);
  if (slider) before.set(slider.field, slider.field.value);
});

// Before Gradio hears that the field is left, so that it sends what is shown.
document.addEventListener(
  "blur",
  (event) => {
    const slider = event.target.matches && sliderOf(event.target);
    if (!slider || slider.field.value === before.get(slider.field)) return;
    const { field, range } = slider;
    const typed = field.value === "" ? NaN : Number(field.value);
    const value = Number.isFinite(typed) ? rounded(typed, range) : Number(before.get(field));
    const steps = `there are steps of ${number(Number(range.step))} from ${number(Number(range.min))} to ${number(Number(range.max))}`;
    if (!Number.isFinite(typed)) tell(slider, `That is no number: ${number(value)} stays.`);
    else tell(slider, value === typed ? "" : `${number(typed)} is rounded to ${number(value)}: ${steps}.`);
    if (value === typed) return;
    field.value = String(value);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  },
  true,
);

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && sliderOf(event.target)) event.target.blur(); // typed, and meant
});

// A note on a number that was typed ends with the next number.
document.addEventListener("input", (event) => {
  if (!event.target.matches?.("input[type=range]")) return;
  event.target.closest(".block")?.querySelector(".dino-rounded")?.remove();
});
