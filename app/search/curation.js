// What a curation kept and dropped: counts, dropped images with those that decided, the report. Gradio runs it with
// `element`, `props`, `trigger` and `watch` in scope.

function node(kind, className, text) {
  const made = document.createElement(kind);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(text, pressed) {
  const made = node("button", "dino-button", text);
  made.type = "button";
  made.addEventListener("click", pressed);
  return made;
}

const head = node("div", "dino-curation-head");
const kinds = node("div", "dino-curation-kinds");
kinds.setAttribute("role", "group");
kinds.setAttribute("aria-label", "Which dropped images are shown");
const told = node("p", "dino-hint");
told.setAttribute("role", "status");
const pairs = node("ul", "dino-curation-pairs");
const turn = node("div", "dino-curation-turn");
const back = button("Previous", () => ask(props.page.kind, props.page.page - 1));
const on = button("Next", () => ask(props.page.kind, props.page.page + 1));
const where = node("span", "dino-hint");
turn.append(back, where, on);
const report = node("dialog", "dino-curation-report");
element.replaceChildren(head, kinds, told, pairs, turn, report);

const number = (count) => count.toLocaleString("en");
const current = () => props.curation?.kinds?.find((kind) => kind.key === props.page?.kind);
const ask = (kind, page) => trigger("select", { kind, page });

function counts() {
  const given = props.curation?.steps || [];
  if (!given.length) return head.replaceChildren();
  const table = node("table", "");
  const title = node("tr", "");
  title.append(node("th", "", "after this step"), node("th", "dino-curation-number", "images"), node("th", "", "what went"));
  table.append(title);
  for (const [step, images, gone] of given) {
    const row = node("tr", "");
    row.append(node("td", "", step), node("td", "dino-curation-number", number(images)), node("td", "dino-curation-gone", gone));
    table.append(row);
  }
  const scroll = node("div", "dino-curation-scroll");
  scroll.append(table);
  head.replaceChildren(node("p", "dino-curation-title", props.curation.title), scroll, button("Open the report", () => (props.report ? read() : trigger("submit", {}))));
}

function choices() {
  const shown = props.curation?.kinds || [];
  kinds.replaceChildren(
    ...shown.map((kind) => {
      const made = button(`${kind.title} · ${number(kind.images)}`, () => ask(kind.key, 0));
      made.dataset.kind = kind.key;
      return made;
    }),
  );
}

function figure(uri, name, words, className) {
  const made = node("figure", className);
  const frame = node("div", "dino-curation-frame");
  if (uri) {
    const image = node("img", "");
    Object.assign(image, { src: uri, alt: name, draggable: false });
    frame.append(image);
  } else frame.append(node("span", "", "no picture"));
  const last = node("span", "dino-curation-name", name.split("/").pop());
  made.title = name;
  made.append(frame, node("figcaption", "", words), last);
  return made;
}

function pair(item, kind) {
  const made = node("li", "");
  made.append(figure(item.uri, item.name, "dropped", "dino-dropped"));
  if (item.because !== null) made.append(figure(item.because_uri, item.because, kind.other, "dino-decided"));
  const words = item.problem ?? (item.cosine === null ? "" : `cosine ${item.cosine.toFixed(3)}`);
  if (words) made.append(node("p", "dino-curation-cosine", words));
  return made;
}

function sentence(kind) {
  const { first, items } = props.page;
  const some = kind.shown < kind.images ? `, taken evenly from ${number(kind.images)}` : "";
  return `${kind.title}: ${number(first)} to ${number(first + items.length - 1)} of ${number(kind.shown)}${some}.`;
}

function pages() {
  const kind = current();
  const empty = props.curation?.steps && !props.curation.kinds.length;
  for (const made of kinds.children) made.setAttribute("aria-pressed", String(made.dataset.kind === kind?.key));
  told.textContent = kind ? sentence(kind) : empty ? "Nothing was dropped." : "";
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
  const frame = node("iframe", "");
  frame.setAttribute("sandbox", ""); // a page from a folder may run nothing and reach nothing here
  // or a link to a place in the report would open this page in it
  const srcdoc = props.report.replace("<head>", '<head><base href="about:srcdoc">');
  Object.assign(frame, { title: "Report of the curation", srcdoc });
  const close = button("Close", () => report.close());
  report.replaceChildren(close, frame);
  report.showModal();
}

watch("curation", draw);
watch("page", pages);
watch("report", read);
report.addEventListener("close", () => report.replaceChildren());
draw();
