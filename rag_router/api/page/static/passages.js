// What was found: kept and dropped, with reasons, and with the sentences that were read marked.

import { appendAll, cut, el, figure, length, pagesOf, percent } from "./dom.js";

const SHORT = 600;

/**
 * Show the passages of an answer.
 * `found` are the same passages as they were found, where that was heard: filters may cut them.
 * Returns the element, and `jump(citation)`, which opens a passage at what is cited.
 */
export function passagesView(answer, found = []) {
  const whole = new Map(found.map((one) => [keyOf(one), one.text]));
  const items = new Map();
  const kept = answer.passages.filter((one) => one.kept);
  const dropped = answer.passages.filter((one) => !one.kept);
  const make = (passage) => {
    const item = passageItem(passage, whole.get(keyOf(passage)), citedIn(answer, passage));
    items.set(keyOf(passage), item);
    return item.node;
  };
  const [keptList, droppedList] = [el("ul", { class: "passages" }), el("ul", { class: "passages" })];
  const filled = appendAll(keptList, kept, make).then(() => appendAll(droppedList, dropped, make));
  const node = el("section", { class: "card found", "aria-label": "Passages" },
    el("h2", {}, "Where it looked"),
    answer.passages.length ? null : el("p", { class: "muted" }, answer.knowledge.retrieve ? "Nothing was found." : "It did not look anything up."),
    kept.length ? [el("h3", {}, `Kept and read: ${kept.length}`), keptList] : null,
    dropped.length ? [el("h3", {}, `Found and dropped: ${dropped.length}`), droppedList] : null,
    groups(answer));
  const jump = async (citation) => {
    await filled;
    items.get(JSON.stringify([citation.index, citation.passage_id]))?.open(citation);
  };
  return { node, jump, filled };
}

const keyOf = (passage) => JSON.stringify([passage.index, passage.id]);

const citedIn = (answer, passage) => [...(answer.citations ?? []), ...(answer.disagreement ?? []).flatMap((side) => side.citations)]
  .filter((one) => one.passage_id === passage.id && one.index === passage.index);

function passageItem(passage, whole, citations) {
  const body = el("div", { class: "passage-body" });
  let filled = false;
  const fill = (all = false) => {
    filled = true;
    body.replaceChildren(...textOf(passage, whole, citations, all, () => fill(true)));
  };
  const details = el("details", { class: "passage", ontoggle: () => details.open && !filled && fill() },
    el("summary", {},
      el("span", { class: `state ${passage.kept ? "kept" : "dropped"}` }, passage.kept ? "kept" : "dropped"),
      el("strong", { dir: "auto" }, passage.title || passage.id),
      el("span", { class: "muted" }, ` ${sourceOf(passage)}`),
      el("span", { class: "why" }, [passage.why, `score ${figure(passage.score)}`,
        typeof passage.support === "number" ? `holds the answer with ${percent(passage.support)}` : null].filter(Boolean).join(" · "))),
    body);
  const open = (citation) => {
    if (!filled || citation) fill(true);
    details.open = true;
    const marks = [...body.querySelectorAll("mark")];
    const mark = citation && marks.find((one) => one.dataset.start === String(citation.start) && one.dataset.end === String(citation.end)) || marks[0];
    const goal = mark ?? details;
    goal.tabIndex = -1;
    goal.focus({ preventScroll: true });
    goal.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  };
  // What was read and cited is open from the start, and nothing else.
  if (citations.length) details.open = true;
  return { node: el("li", {}, details), open };
}

function sourceOf(passage) {
  const [document, piece] = passage.id.split("#");
  const page = pagesOf(passage);
  return `${document}${page && `, ${page}`}${piece === undefined ? "" : `, piece ${Number(piece) + 1 || piece}`} · ${passage.index || "given with the question"} · found by ${passage.retriever}`;
}

/** The text in pieces: plain, kept (what was read of a longer one), and cited. */
function textOf(passage, whole, citations, all, more) {
  if (!passage.text && !whole) return [el("p", { class: "muted" }, "The text of passages is not kept with traces.")];
  const placed = placedIn(passage, whole);
  const text = placed ? whole : passage.text;
  const bounds = citations.map((one) => ({ ...one, from: placed ? placed.map(one.start) : one.start, to: placed ? placed.map(one.end - 1) + 1 : one.end }))
    .sort((a, b) => a.from - b.from);
  const end = all ? length(text) : Math.min(length(text), Math.max(SHORT, ...bounds.map((one) => one.to + 80)));
  const line = el("p", { dir: "auto", class: "passage-text" });
  const plain = (from, to) => {
    if (!placed) return line.append(cut(text, from, to));
    let at = from;
    for (const [a, b] of placed.spans) {
      const [lo, hi] = [Math.max(a, at), Math.min(b, to)];
      if (lo >= hi) continue;
      line.append(el("span", { class: "unread" }, cut(text, at, lo)), cut(text, lo, hi));
      at = hi;
    }
    line.append(el("span", { class: "unread" }, cut(text, at, to)));
  };
  let at = 0;
  for (const one of bounds) {
    if (one.from < at || one.to > end) continue;
    plain(at, one.from);
    line.append(el("mark", { "data-start": one.start, "data-end": one.end }, cut(text, one.from, one.to)));
    at = one.to;
  }
  plain(at, end);
  return [line,
    placed ? el("p", { class: "muted" }, "What is pale was cut away before reading.") : null,
    end < length(text) ? el("button", { type: "button", class: "quiet", onclick: more }, `Show all ${length(text).toLocaleString()} characters`) : null].filter(Boolean);
}

/** Where what was read stands in the text as it was found; null where that cannot be told. */
function placedIn(passage, whole) {
  if (!whole || !passage.spans?.length || whole === passage.text) return null;
  const pieces = [];
  let from = 0;
  for (const [start, end] of passage.spans) {
    const piece = cut(whole, start, end);
    const at = passage.text.indexOf(piece, from);
    if (at < 0) return null;
    pieces.push({ start, at: length(passage.text.slice(0, at)), size: end - start });
    from = at + piece.length;
  }
  return {
    spans: passage.spans,
    map: (offset) => {
      const piece = pieces.findLast((one) => one.at <= offset) ?? pieces[0];
      return piece.start + Math.min(offset - piece.at, piece.size);
    },
  };
}

const RELATIONS = { duplicate: "say the same", ambiguous: "speak of somebody else of that name", contradicting: "say something else", distracting: "stand alone" };

function groups(answer) {
  if (!answer.groups?.length) return null;
  return el("details", {}, el("summary", {}, "How the passages relate to each other"),
    el("ul", {}, answer.groups.map((group) => el("li", {}, `${group.passages.map((one) => one.passage_id).join(", ")}: ${RELATIONS[group.relation] ?? group.relation}. ${group.reason ?? ""}`))));
}
