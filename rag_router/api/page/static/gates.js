// How well the gate knows what the model knows, what a threshold costs, and what people said.

import { reasonName } from "./answer.js";
import { chart } from "./charts.js";
import { el, field, percent, problemBox, select, table, when } from "./dom.js";
import { at, merged, reckon } from "./reckoning.js";
import { call, callOr, listed } from "./service.js";

export async function gatesView(view) {
  view.replaceChildren(el("h1", {}, "Does it know what it knows?"), el("p", { class: "lead" },
    "The gate guesses how likely the model is to be right from memory, and has everything looked up that is less likely than a threshold. Here is how good its guesses were, and what another threshold would cost."));
  const gates = await call("/v1/gates");
  const using = gates.items.find((one) => one.in_use) ?? gates.items[0];
  const records = using ? (await callOr(`/v1/gates/${using.name}/records`, { items: [] })).items : [];
  view.append(using ? gateCard(using, records) : el("p", {}, "There is no gate."), await said(), traces());
}

const FIGURES = {
  auroc: "AUROC: how often it ranks a known question above an unknown one", brier: "Brier score: 0 is best",
  ece: "Calibration error: how far guesses are from what was right", base_rate: "Share that memory had right", n: "Questions held out",
};
const KINDS = { evaluation: "the last evaluation", feedback: "what people said", held_out: "held out when it was fitted" };

function gateCard(gate, records) {
  const box = el("section", { class: "card", "aria-label": "The gate in use" },
    el("h2", {}, `In use: ${gate.name}`), el("p", {}, gate.summary));
  if (gate.card) box.append(el("details", {}, el("summary", {}, `Fitted for ${gate.card.model}${gate.card.date ? ` on ${gate.card.date}` : ""}`),
    table("Its card", ["Figure", "Value"], Object.entries(gate.card.metrics).map(([name, value]) => [FIGURES[name] ?? name.replaceAll("_", " "), `${value ?? "–"}`]))));
  if (!records.length) return box.append(nothingYet()), box;
  const experts = new Set(records.map((one) => one.expert).filter(Boolean));
  const which = select(records.map((one, at) =>
    [`${at}`, `${KINDS[one.kind]}${experts.size > 1 && one.expert ? `, ${one.expert}` : ""}: ${one.n.toLocaleString()} questions`]));
  const place = el("div");
  const show = () => place.replaceChildren(...figures(records[which.value]));
  which.addEventListener("change", show);
  show();
  box.append(field("Judged by", which), place);
  return box;
}

/** What to do where nobody knows how good the gate is. */
const nothingYet = () => el("div", { class: "empty" },
  el("p", {}, el("strong", {}, "How good it is here, nobody has found out yet."), " These would tell:"),
  el("ul", { class: "plainlist" },
    el("li", {}, el("code", {}, "rag-router eval answers --data questions.jsonl"), " asks questions with known answers, without and with looking them up; its figures then stand here."),
    el("li", {}, el("code", {}, "rag-router gate fit"), " fits a gate for the model that answers, and keeps some questions back to judge it by."),
    el("li", {}, "The buttons under every answer: each one that was said to be right or wrong counts here.")));

function figures({ kind, source, n, threshold, bins }) {
  const rows = reckon(bins);
  const start = threshold ?? 0.5;
  const [used, tried, groups] = [at(rows, bins, start), rows[0].right !== null, merged(bins)];
  const answering = rows.filter((row) => row.fromMemory !== null);
  const risks = answering.map((row) => [1 - row.lookedUp, 1 - row.fromMemory]).reverse();
  const shares = tried ? rows.map((row) => [row.lookedUp, row.right]) : answering.map((row) => [row.lookedUp, row.fromMemory]);
  const biggest = Math.max(...groups.map((bin) => bin.n));
  const reliability = chart({
    title: "Reliability: what it guessed, and how often that was right", x: "guessed, %", y: "right, %", even: true, cursor: start, now: start,
    points: groups.map((bin) => [bin.p_know, bin.memory]), dots: groups.map((bin) => [bin.p_know, bin.memory, 2 + 3 * Math.sqrt(bin.n / biggest)]),
    says: groups.map((bin) => `of ${bin.n} guessed ${percent(bin.p_know)}, ${percent(bin.memory)} were right`).join("; "),
  });
  const coverage = chart({
    title: "Risk and coverage: the more it answers from memory, the more often it is wrong", x: "answered from memory, %", y: "wrong of these, %",
    points: risks, cursor: 0, now: 1 - used.lookedUp, says: risks.map(([c, r]) => `answering ${percent(c)}, ${percent(r)} wrong`).join("; "),
  });
  const rate = chart({
    title: tried ? "Accuracy against retrieval rate: how many answers are right, the more is looked up" : "How many answers from memory are right, the more is looked up",
    x: "looked up, %", y: tried ? "right of all, %" : "right from memory, %", points: shares, cursor: 0, now: used.lookedUp,
    says: shares.map(([c, a]) => `looking up ${percent(c)}, ${percent(a)} right`).join("; "),
  });
  const slider = el("input", { type: "range", min: 0, max: 1, step: 0.01, value: String(Math.round(100 * start) / 100) });
  const cost = el("div", { class: "cost", role: "status" });
  const move = (value) => {
    const row = at(rows, bins, value);
    slider.setAttribute("aria-valuetext", percent(value));
    reliability.move(value);
    coverage.move(1 - row.lookedUp);
    rate.move(row.lookedUp);
    cost.replaceChildren(...costs(value, row, used, rows));
  };
  slider.addEventListener("input", () => move(Number(slider.value)));
  move(start);
  return [
    el("p", { class: "muted" }, `Source: ${source}; ${n.toLocaleString()} questions.`, n < 100 ? " So few that chance alone moves these figures by many points." : ""),
    field("Threshold: below it, things are looked up", slider, `${threshold === null ? "Which threshold is in use is not known" : `In use is ${percent(start, 1)}, the dotted line`}. Moving it here only reckons; [gate] threshold in the settings changes it.`),
    cost, el("div", { class: "charts" }, rate.node, coverage.node, reliability.node),
    tried ? null : el("p", { class: "muted" }, kind === "feedback"
      ? "Counted are answers of which people said enough to tell whether memory alone was right. How many would be right with everything looked up, nobody tried: rag-router eval answers does."
      : "How many would be right with everything looked up, was not tried with these questions: rag-router eval answers does."),
    el("details", {}, el("summary", {}, "The same as figures"), table("Reliability as figures", ["Guessed", "Right", "Questions"], groups.map((bin) => [percent(bin.p_know, 1), percent(bin.memory, 1), `${bin.n}`]))),
  ].filter(Boolean);
}

/** What a threshold comes to, of 100 questions, and against the one in use. */
function costs(value, row, used, rows) {
  const of100 = (share) => Math.round(100 * share);
  const more = (share, words) => `${of100(Math.abs(share))} ${share < 0 ? "fewer" : "more"} ${words}`;
  const against = [[row.lookedUp - used.lookedUp, "looked up"], [row.wrongFromMemory - used.wrongFromMemory, "wrong from memory"],
    ...(row.right === null ? [] : [[row.right - used.right, "right in all"]])].filter(([share]) => of100(Math.abs(share)));
  return [
    el("p", {}, `At ${percent(value)}: of 100 such questions, ${of100(row.lookedUp)} would be looked up, ${of100(row.needless)} of them for nothing, as memory had it right; ` +
      `${of100(row.wrongFromMemory)} would be answered wrongly from memory.` +
      (row.right === null ? "" : ` In all, ${of100(row.right)} would be right; with nothing looked up ${of100(rows[0].right)}, with everything ${of100(rows.at(-1).right)}.`)),
    row === used ? el("p", { class: "muted" }, "That is as it is set.") : el("p", {}, el("strong", {}, "Against the one in use: "), against.length ? `${against.map((one) => more(...one)).join(", ")}.` : "no difference that shows."),
  ];
}

async function said() {
  const box = el("section", { class: "card", "aria-label": "Feedback so far" }, el("h2", {}, "What people said"));
  const all = await callOr("/v1/feedback?limit=200", null);
  if (!all) return box.append(el("p", { class: "muted" }, "This service keeps no feedback.")), box;
  const right = all.items.filter((one) => one.verdict === "right").length;
  box.append(el("p", {}, all.items.length ? `${right} right and ${all.items.length - right} wrong${all.next ? ", of the latest" : ""}.` : "Nobody has said anything yet: there are buttons under every answer."));
  if (all.items.length) box.append(table("The latest", ["When", "Said", "What would be right", "Teaches"], all.items.slice(0, 20).map((one) =>
    [el("a", { href: `#/trace/${one.trace}` }, when(one.created_at)), one.verdict, one.correct_answer || "–", one.teaches ? "yes" : "no"])));
  return box;
}

const SHOWN = [
  ["", "all answers"],
  ["hindsight=too_sure", "the gate was wrong: memory was trusted, and people said it was wrong"],
  ["hindsight=too_unsure", "the gate was wrong: looking it up was needless, memory had it right"],
  ["hindsight=unchanged", "looking it up changed nothing: memory says the same"],
  ["conflict", "memory and passages in conflict"], ["reason=disagreement", "passages disagree"], ["abstained=true", "nothing was said"],
];
const NONE = {
  "": "Nothing has been asked yet.",
  "hindsight=too_sure": "None that is known of: that shows when somebody says that an answer from memory was wrong.",
  "hindsight=too_unsure": "None that is known of: that shows when people say what was right, and memory was asked beside the passages.",
};

function traces() {
  const which = select(SHOWN);
  const place = el("div", { "aria-live": "polite" });
  const show = async () => {
    try {
      const items = await chosen(which.value);
      place.replaceChildren(items.length
        ? table("Answers, the newest first", ["Question", "How", "Sure", "When"], items.map((one) =>
          [el("a", { href: `#/trace/${one.id}` }, one.question ?? "(not kept)"), reasonName(one.reason), percent(one.confidence), when(one.created_at)]))
        : el("p", { class: "muted" }, NONE[which.value] ?? "There are none."));
    } catch (error) {
      place.replaceChildren(problemBox(error, show));
    }
  };
  which.addEventListener("change", show);
  show();
  return el("section", { class: "card", "aria-label": "Answers that were given" }, el("h2", {}, "Answers that were given"), field("Show", which), place);
}

async function chosen(which) {
  if (which !== "conflict") return listed(`/v1/traces${which && `?${which}`}`);
  const both = await Promise.all(["conflict", "contrast"].map((reason) => listed(`/v1/traces?reason=${reason}`)));
  return both.flat().sort((a, b) => b.created_at.localeCompare(a.created_at));
}
