// What a curation kept and dropped: counts, dropped images with those that decided, the report.

import { make, makeButton } from "../page/elements.js";

const number = (count) => count.toLocaleString("en");

// Images left after each step, and what went.
function countsTable(steps) {
  const head = ["after this step", "images", "what went"];
  const classes = ["", "dino-curation-number", ""];
  const table = make("table", "", {}, make("tr", "", {}, ...head.map((text, i) => make("th", classes[i], {}, text))));
  for (const [step, images, gone] of steps) {
    const count = make("td", "dino-curation-number", {}, number(images));
    table.append(make("tr", "", {}, make("td", "", {}, step), count, make("td", "dino-curation-gone", {}, gone)));
  }
  return make("div", "dino-curation-scroll", {}, table);
}

function figure(uri, name, words, className) {
  const frame = make("div", "dino-curation-frame");
  if (uri) {
    const image = make("img", "", { src: uri, alt: name });
    image.draggable = false;
    frame.append(image);
  } else frame.append(make("span", "", {}, "no picture"));
  const last = make("span", "dino-curation-name", {}, name.split("/").pop());
  return make("figure", className, { title: name }, frame, make("figcaption", "", {}, words), last);
}

function pair(item, kind) {
  const made = make("li", "", {}, figure(item.uri, item.name, "dropped", "dino-dropped"));
  if (item.because !== null) made.append(figure(item.because_uri, item.because, kind.other, "dino-decided"));
  const words = item.problem ?? (item.cosine === null ? "" : `cosine ${item.cosine.toFixed(3)}`);
  if (words) made.append(make("p", "dino-curation-cosine", {}, words));
  return made;
}

function sentence(kind, { first, items }) {
  const some = kind.shown < kind.images ? `, taken evenly from ${number(kind.images)}` : "";
  return `${kind.title}: ${number(first)} to ${number(first + items.length - 1)} of ${number(kind.shown)}${some}.`;
}

export function mount({ element, props, trigger, watch }) {
  const head = make("div", "dino-curation-head");
  const kinds = make("div", "dino-curation-kinds", { role: "group", "aria-label": "Which dropped images are shown" });
  const told = make("p", "dino-hint", { role: "status" });
  const pairs = make("ul", "dino-curation-pairs");
  const back = makeButton("dino-button", "Previous", () => ask(props.page.kind, props.page.page - 1));
  const on = makeButton("dino-button", "Next", () => ask(props.page.kind, props.page.page + 1));
  const where = make("span", "dino-hint");
  const turn = make("div", "dino-curation-turn", {}, back, where, on);
  const report = make("dialog", "dino-curation-report");
  element.replaceChildren(head, kinds, told, pairs, turn, report);

  const current = () => props.curation?.kinds?.find((kind) => kind.key === props.page?.kind);
  const ask = (kind, page) => trigger("select", { kind, page });

  function counts() {
    const given = props.curation?.steps || [];
    if (!given.length) return head.replaceChildren();
    const open = makeButton("dino-button", "Open the report", () => (props.report ? read() : trigger("submit", {})));
    const title = make("p", "dino-curation-title", {}, props.curation.title);
    return head.replaceChildren(title, countsTable(given), open);
  }

  function choices() {
    const shown = props.curation?.kinds || [];
    kinds.replaceChildren(
      ...shown.map((kind) => {
        const made = makeButton("dino-button", `${kind.title} · ${number(kind.images)}`, () => ask(kind.key, 0));
        made.dataset.kind = kind.key;
        return made;
      }),
    );
  }

  function pages() {
    const kind = current();
    const empty = props.curation?.steps && !props.curation.kinds.length;
    for (const made of kinds.children) made.setAttribute("aria-pressed", String(made.dataset.kind === kind?.key));
    told.textContent = kind ? sentence(kind, props.page) : empty ? "Nothing was dropped." : "";
    pairs.replaceChildren(...(kind ? props.page.items.map((item) => pair(item, kind)) : []));
    turn.hidden = !kind || kind.pages < 2;
    if (turn.hidden) return;
    where.textContent = `page ${props.page.page + 1} of ${kind.pages}`;
    back.disabled = props.page.page === 0;
    on.disabled = props.page.page === kind.pages - 1;
  }

  function draw() {
    counts();
    choices();
    pages();
  }

  function read() {
    if (!props.report) return;
    const frame = make("iframe", "", { sandbox: "" }); // a page from a folder may run nothing and reach nothing here
    // or a link to a place in the report would open this page in it
    const srcdoc = props.report.replace("<head>", '<head><base href="about:srcdoc">');
    Object.assign(frame, { title: "Report of the curation", srcdoc });
    report.replaceChildren(makeButton("dino-button", "Close", () => report.close()), frame);
    report.showModal();
  }

  watch("curation", draw);
  watch("page", pages);
  watch("report", read);
  report.addEventListener("close", () => report.replaceChildren());
  draw();
}
