// Names for groups of choices, which Gradio leaves without one: their labels, also where nobody sees them.

function nameGroups() {
  for (const group of document.querySelectorAll("fieldset:not([role])")) {
    const label = group.querySelector("[data-testid='block-info']")?.textContent.trim();
    if (!label) continue;
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", label);
  }
}

let due = 0;
function nameSoon() {
  due ||= requestAnimationFrame(() => {
    due = 0;
    nameGroups();
  });
}

new MutationObserver(nameSoon).observe(document, { childList: true, subtree: true });
nameSoon();
