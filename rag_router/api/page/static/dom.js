// Making elements. What is shown is always text: nothing here reads markup.

/** Make an element; children are elements, strings, or null, which is nobody. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for drawings. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "vars") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else if (name === "value" || name === "checked" || name === "disabled") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

let last = 0;
/** An id that nothing else on the page has. */
export const freshId = (stem) => `${stem}-${++last}`;

/** A labelled field; the label and the control are bound to each other. */
export function field(label, control, note = "") {
  control.id ||= freshId("field");
  const hint = note ? el("small", { id: `${control.id}-note` }, note) : null;
  if (hint) control.setAttribute("aria-describedby", hint.id);
  return el("div", { class: "field" }, el("label", { for: control.id }, label), control, hint);
}

/** A choice of [value, words], or of values that are words. */
export function select(options, chosen, attributes = {}) {
  const pairs = options.map((one) => (Array.isArray(one) ? one : [one, one]));
  const control = el("select", attributes, pairs.map(([value, words]) => el("option", { value }, words)));
  if (chosen !== undefined) control.value = chosen;
  return control;
}

/** Let the browser paint and hear keys before going on. */
export const breathe = () => new Promise((go) => setTimeout(go));

/** Append what `make` returns of each item, in slices so short that nobody waits for them. */
export async function appendAll(parent, items, make, alive = () => true) {
  let until = performance.now() + 8;
  for (let at = 0; at < items.length; at++) {
    if (performance.now() > until) {
      await breathe();
      if (!alive()) return;
      until = performance.now() + 8;
    }
    parent.append(make(items[at], at));
  }
}

const ASTRAL = /[\ud800-\udfff]/;
/** Characters from `start` to `end` as the service counts them: whole ones, not halves. */
export function cut(text, start, end) {
  return ASTRAL.test(text) ? Array.from(text).slice(start, end).join("") : text.slice(start, end);
}

/** How many characters the service counts in a text. */
export const length = (text) => (ASTRAL.test(text) ? Array.from(text).length : text.length);

export const percent = (value, digits = 0) => `${(100 * value).toFixed(digits)} %`;
export const figure = (value, digits = 2) => (typeof value === "number" ? value.toFixed(digits) : "–");
export const ms = (value) => (value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`);
export const when = (text) => new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

export const counted = (n, one, many = `${one}s`) => `${n.toLocaleString()} ${n === 1 ? one : many}`;
/** On which pages of its document a passage stands; empty where it has none. */
export const pagesOf = ({ page, last_page }) =>
  typeof page !== "number" ? "" : typeof last_page === "number" ? `pages ${page}–${last_page}` : `page ${page}`;

/** A table with a caption, seen unless it only repeats a heading; the first cell of a row is its head. */
export function table(caption, heads, rows, seen = true) {
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    el("table", {},
      el("caption", { class: seen ? null : "unseen" }, caption),
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, at) =>
        at ? el("td", {}, cell) : el("th", { scope: "row" }, cell)))))));
}

/** What went wrong, and what would work. */
export function problemBox(error, again = null) {
  return el("div", { class: "problem", role: "alert" },
    el("p", {}, el("strong", {}, error.message)),
    error.hint ? el("p", {}, error.hint) : null,
    again ? el("button", { type: "button", onclick: again }, "Try again") : null);
}
