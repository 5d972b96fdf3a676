// The answer: coloured by where its words came from, with its sources, its sides, and its figures.

import { appendAll, el, figure, freshId, length, pagesOf, percent, table } from "./dom.js";
import { KINDS, leaning } from "./leaning.js";

/** How an answer came about, for people who have never heard of any of this. */
const REASONS = {
  parametric: ["From memory", "The model was sure enough to answer without looking anything up."],
  contextual: ["From the passages", "The answer was looked up, and read out of what was found."],
  contrast: ["From passages, against memory", "Memory and passages differed; what was read was weighed against what was known."],
  disagreement: ["The passages disagree", "Each side is told, with the passages that say so."],
  no_knowledge: ["Not known", "Neither memory nor the passages hold the answer."],
  insufficient: ["Not sure enough", "There was an answer, but it was too doubtful to give."],
  conflict: ["Undecided", "Memory and passages say different things, and it cannot be told which is right."],
  unverified: ["Not confirmed", "No answer that was tried stands in its passages."],
};

export const reasonName = (reason) => (REASONS[reason] ?? [reason])[0];

/** What the reason means here: of some, what was asked for says more than what they mean at large. */
function meaningOf({ reason, knowledge }) {
  if (reason === "parametric" && knowledge.retrieve) return "It was looked up, but memory was trusted more than what was found.";
  if (reason === "parametric" && knowledge.advised) return "The model was not sure, but was told not to look anything up.";
  if (reason === "no_knowledge" && !knowledge.retrieve) return "Memory does not hold the answer, and nothing was looked up.";
  return (REASONS[reason] ?? ["", ""])[1];
}

/** Show an answer; `jump(citation)` leads to where it stands in a passage. */
export function answerView(answer, jump) {
  const meaning = meaningOf(answer);
  const box = el("section", { class: `card answer ${answer.abstained ? "abstained" : ""}`, "aria-label": "Answer" },
    el("div", { class: "row" },
      el("h2", { class: "badge", "data-reason": answer.reason }, reasonName(answer.reason)),
      el("span", { class: "sure" }, answer.abstained
        ? `${percent(answer.confidence)} sure that saying nothing is right`
        : `${percent(answer.confidence)} sure`),
      el("span", { class: "meaning" }, meaning)),
    answer.abstained ? el("p", { class: "words" }, answer.message || "I don't know.") : words(answer, jump),
    answer.hint ? el("p", { class: "meaning" }, `What would help: ${answer.hint}`) : null,
    sides(answer, jump),
    memoryBeside(answer),
    notes(answer));
  return box;
}

function words(answer, jump) {
  const text = answer.answer ?? answer.message ?? "";
  const tokens = answer.tokens ?? [];
  const marks = numbered(answer.citations ?? []);
  if (!tokens.length || tokens.map((one) => one.text).join("").trim() !== text.trim())
    return el("div", {}, el("p", { class: "words", dir: "auto" }, text, marks.map((mark) => link(mark, jump))), sources(answer, jump) ?? "");
  return coloured(text, tokens, marks, answer, jump);
}

function coloured(text, tokens, marks, answer, jump) {
  const about = el("div", { class: "about", id: freshId("about") }, el("p", { class: "muted" },
    "Point at a word, or move through them with the arrow keys, to see what memory and the passages held likely."));
  const line = el("p", { class: "words tokens", dir: "auto", role: "group", "aria-label": "The answer word by word; arrow keys move" });
  const spans = [];
  const leanings = tokens.map((token) => leaning(token, answer.reason));
  const show = (at) => {
    if (line.dataset.at === String(at)) return;
    line.dataset.at = at;
    for (const span of spans) if (span.tabIndex === 0) span.tabIndex = -1;
    spans[at].tabIndex = 0;
    about.replaceChildren(aboutToken(tokens[at], leanings[at]));
  };
  const from = (event) => spans.indexOf(event.target.closest("[data-kind]"));
  for (const kind of ["mouseover", "focusin", "click"])
    line.addEventListener(kind, (event) => from(event) >= 0 && show(from(event)));
  line.addEventListener("keydown", (event) => {
    const at = from(event);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: spans.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    spans[Math.max(0, Math.min(spans.length - 1, to))].focus();
  });
  const led = length(text.slice(0, text.length - text.trimStart().length)) - (tokens[0].text.length - tokens[0].text.trimStart().length);
  let reached = led;
  const waiting = [...marks];
  const filled = appendAll(line, tokens, (token, at) => {
    const lean = leanings[at];
    const span = el("span", {
      "data-kind": lean.kind, role: "button", tabindex: at ? -1 : 0,
      "aria-label": `${token.text.trim() || "space"}: ${KINDS[lean.kind]}`, "aria-describedby": about.id,
      vars: { "--share": `${Math.round(100 * lean.share)}%` },
    }, at ? token.text : token.text.trimStart());
    spans.push(span);
    reached += length(token.text);
    const due = waiting.filter((mark) => mark.citation.answer_end <= reached);
    waiting.splice(0, waiting.length, ...waiting.filter((mark) => !due.includes(mark)));
    if (at === tokens.length - 1) due.push(...waiting);
    if (!due.length) return span;
    const both = document.createDocumentFragment();
    both.append(span, ...due.map((mark) => link(mark, jump)));
    return both;
  });
  const view = el("div", {},
    el("p", { class: "unseen" }, text),
    line, sources(answer, jump) ?? "", legend(leanings), about, tokenTable(tokens, leanings));
  view.filled = filled;
  return view;
}

/** What the colours mean; it leaves out those that do not occur. */
function legend(leanings) {
  const total = leanings.length;
  return el("ul", { class: "legend", "aria-label": "What the colours mean" }, Object.entries(KINDS).map(([kind, name]) => {
    const count = leanings.filter((lean) => lean.kind === kind).length;
    if (!count && (kind === "unknown" || kind === "both")) return null;
    return el("li", {}, el("span", { class: "swatch", "data-kind": kind, "aria-hidden": "true" }, "word"), ` ${name} `,
      el("span", { class: "muted" }, percent(count / total)));
  }));
}

function aboutToken(token, lean) {
  const columns = [["With the passages", token.alternatives], ["Memory alone", token.alternatives_closed]];
  return el("div", {},
    el("p", {}, el("strong", {}, `“${token.text.trim() || "␣"}” `), `${KINDS[lean.kind]}. ${lean.how}`),
    el("p", { class: "figures" },
      token.alpha === undefined ? null : el("span", {}, `alpha ${figure(token.alpha)}`),
      token.entropy_closed === undefined ? null : el("span", {}, `entropy from memory ${figure(token.entropy_closed)} nats`),
      token.entropy_context === undefined ? null : el("span", {}, `with passages ${figure(token.entropy_context)} nats`),
      token.divergence === undefined ? null : el("span", {}, `divergence ${figure(token.divergence)} nats`)),
    el("div", { class: "pair" }, columns.filter(([, some]) => some?.length).map(([name, some], side) =>
      el("div", {}, el("p", { class: "muted" }, name), el("ul", { class: "bars", "data-side": name[0] === "M" ? "memory" : "passages" }, some.map((one) =>
        el("li", { vars: { "--p": `${Math.round(100 * one.probability)}%` } }, el("span", {}, one.text.trim() || "␣"), el("span", {}, percent(one.probability, 1)))))))));
}

/** The same in words, for those who listen, and for copying; made when it is opened. */
function tokenTable(tokens, leanings) {
  const details = el("details", {}, el("summary", {}, "The same as a table"));
  details.addEventListener("toggle", async () => {
    if (!details.open || details.children.length > 1) return;
    const heads = ["Word", "Where from", "Alpha", "Entropy, memory", "Entropy, passages", "Likeliest with passages", "Likeliest from memory"];
    const made = table("The answer, word by word", heads, []);
    details.append(made);
    await appendAll(made.querySelector("tbody"), tokens, (token, at) => el("tr", {},
      el("th", { scope: "row" }, token.text.trim() || "␣"), [KINDS[leanings[at].kind], figure(token.alpha), figure(token.entropy_closed),
        figure(token.entropy_context), likely(token.alternatives), likely(token.alternatives_closed)].map((cell) => el("td", {}, cell))));
  });
  return details;
}

const likely = (some) => (some ?? []).slice(0, 3).map((one) => `${one.text.trim()} ${percent(one.probability)}`).join(", ") || "–";

/** Every source by its number: what it is called, on which page it stands, and in which index. */
function sources(answer, jump) {
  const marks = new Map(numbered(answer.citations ?? []).map((mark) => [mark.number, mark]));
  if (!marks.size) return null;
  return el("ol", { class: "sources", "aria-label": "Sources" }, [...marks.values()].map((mark) =>
    el("li", {}, link(mark, jump), " ", el("span", { dir: "auto" }, sourceName(answer, mark.citation)))));
}

function sourceName(answer, { passage_id, index }) {
  const passage = (answer.passages ?? []).find((one) => one.id === passage_id && one.index === index) ?? {};
  return [passage.title || passage_id, pagesOf(passage), index || "given with the question"].filter(Boolean).join(", ");
}

/** Citations with numbers; a sentence that is cited twice has one. */
function numbered(citations) {
  const numbers = new Map();
  return citations.map((citation) => {
    const key = JSON.stringify([citation.index, citation.passage_id, citation.start, citation.end]);
    if (!numbers.has(key)) numbers.set(key, numbers.size + 1);
    return { citation, number: numbers.get(key) };
  });
}

const link = ({ citation, number }, jump) => el("button", {
  type: "button", class: "cite", "aria-label": `Source ${number}: ${citation.passage_id}`, onclick: () => jump(citation),
}, `${number}`);

function sides(answer, jump) {
  if (!answer.disagreement?.length) return null;
  return el("div", { class: "sides", role: "group", "aria-label": "What the passages say" }, answer.disagreement.map((side) =>
    el("div", { class: "side" },
      el("p", { class: "words", dir: "auto" }, side.answer ?? "(not kept)"),
      el("p", { class: "muted" }, `${percent(side.confidence)} sure · ${side.passages.length === 1 ? "1 passage" : `${side.passages.length} passages`}`),
      el("p", {}, numbered(side.citations).map((mark) => link(mark, jump)), " ", side.passages.map((one) => one.passage_id).join(", ")))));
}

/** What memory says by itself, where that is something else. */
function memoryBeside(answer) {
  const { closed_book_answer: memory, p_memory, p_passages } = answer.conflict;
  if (!memory || memory === answer.answer || answer.reason === "parametric") return null;
  return el("p", { class: "beside" }, el("span", { class: "swatch", "data-kind": "memory", "aria-hidden": "true" }, "memory"),
    " Memory alone would have said: ", el("strong", { dir: "auto" }, memory),
    typeof p_memory === "number" ? ` (right with ${percent(p_memory)}, passages with ${percent(p_passages ?? 0)})` : "");
}

function notes(answer) {
  if (!answer.degraded?.length) return null;
  return el("details", { class: "notes" }, el("summary", {}, `${answer.degraded.length} note${answer.degraded.length > 1 ? "s" : ""} on what was left out`),
    el("ul", {}, answer.degraded.map((note) => el("li", {}, `${note.stage}: ${note.what ?? ""}`))));
}

/** The answer and its sources as plain text, for copying. */
export function asText(answer) {
  const sources = [...new Map(numbered(answer.citations ?? []).map((mark) => [mark.number, sourceName(answer, mark.citation)])).values()];
  return [`Q: ${answer.question ?? ""}`, `A: ${answer.answer ?? answer.message ?? ""}`,
    `${reasonName(answer.reason)}, ${percent(answer.confidence)} sure`, ...sources.map((one, at) => `[${at + 1}] ${one}`)].join("\n");
}
