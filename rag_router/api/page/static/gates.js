// How well the gate knows what the model knows, what a threshold costs, and what people said.

import { reasonName } from "./answer.js";
import { chart } from "./charts.js";
import { el, field, percent, problemBox, select, table, when } from "./dom.js";
import { at, reckon } from "./reckoning.js";
import { call, callOr, listed } from "./service.js";

export async function gatesView(view) {
  view.replaceChildren(el("h1", {}, "Does it know what it knows?"), el("p", { class: "lead" },
    "The gate guesses how likely the model is to be right from memory. Here is how often that guess was right, on questions it was not fitted on."));
  const gates = await call("/v1/gates");
  const using = gates.items.find((one) => one.in_use) ?? gates.items[0];
  view.append(using ? gateCard(using) : el("p", {}, "There is no gate."), await said(), traces());
}

function gateCard(gate) {
  const bins = gate.card?.notes?.reliability?.filter((bin) => bin[2] > 0) ?? [];
  const box = el("section", { class: "card", "aria-label": "The gate in use" },
    el("h2", {}, `In use: ${gate.name}`), el("p", {}, gate.summary));
  if (!gate.card) box.append(el("p", { class: "muted" }, "It was not fitted for the model that answers here, so there are no figures; see docs/fitting.md."));
  if (gate.card) box.append(el("p", { class: "muted" }, `Fitted for ${gate.card.model}${gate.card.date ? ` on ${gate.card.date}` : ""}. ` +
    Object.entries(gate.card.metrics).map(([name, value]) => `${name.replaceAll("_", " ")} ${value ?? "–"}`).join(" · ")));
  if (bins.length) box.append(...figures(bins, gate.card));
  return box;
}

function figures(bins, card) {
  const rows = reckon(bins);
  const start = card.threshold ?? 0.5;
  const risks = rows.filter((row) => row.accuracy !== null).map((row) => [1 - row.lookedUp, 1 - row.accuracy]).reverse();
  const accuracies = rows.filter((row) => row.accuracy !== null).map((row) => [row.lookedUp, row.accuracy]);
  const biggest = Math.max(...bins.map((bin) => bin[2]));
  const reliability = chart({
    title: "Reliability: what it guessed, and how often that was right", x: "guessed, %", y: "right, %", even: true, cursor: start,
    points: bins.map(([p, right]) => [p, right]), dots: bins.map(([p, right, n]) => [p, right, 2 + 3 * Math.sqrt(n / biggest)]),
    says: bins.map(([p, right, n]) => `of ${n} guessed ${percent(p)}, ${percent(right)} were right`).join("; "),
  });
  const coverage = chart({
    title: "Risk and coverage: the more it answers from memory, the more often it is wrong", x: "answered from memory, %", y: "wrong of these, %",
    points: risks, cursor: 0, says: risks.map(([c, r]) => `answering ${percent(c)}, ${percent(r)} wrong`).join("; "),
  });
  const rate = chart({
    title: "Accuracy from memory against how much is looked up", x: "looked up, %", y: "right from memory, %",
    points: accuracies, cursor: 0, says: accuracies.map(([c, a]) => `looking up ${percent(c)}, ${percent(a)} of the rest right`).join("; "),
  });
  const slider = el("input", { type: "range", min: 0, max: 1, step: 0.01, value: String(Math.round(100 * start) / 100) });
  const cost = el("p", { class: "cost", role: "status" });
  const move = () => {
    const threshold = Number(slider.value);
    const row = at(rows, bins, threshold);
    slider.setAttribute("aria-valuetext", percent(threshold));
    reliability.move(threshold);
    coverage.move(1 - row.lookedUp);
    rate.move(row.lookedUp);
    const of100 = (share) => Math.round(100 * share);
    cost.textContent = `At ${percent(threshold)}: of 100 such questions, ${of100(row.lookedUp)} would be looked up, ` +
      `${of100(row.needless)} of them for nothing; ${of100(row.wrongFromMemory)} would be answered wrongly from memory.`;
  };
  slider.addEventListener("input", move);
  move();
  return [
    field("Threshold: below it, things are looked up", slider, `The gate uses ${percent(start, 1)}${card.threshold_goal ? `, chosen for ${card.threshold_goal}` : ""}. Moving it here changes nothing.`),
    cost, el("div", { class: "charts" }, reliability.node, coverage.node, rate.node),
    table("Reliability as figures", ["Guessed", "Right", "Questions"], bins.map(([p, right, n]) => [percent(p, 1), percent(right, 1), `${n}`])),
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
  ["", "all answers"], ["gate", "the gate was wrong"], ["conflict", "memory and passages in conflict"], ["disagreement", "passages disagree"], ["abstained", "nothing was said"],
];

function traces() {
  const which = select(SHOWN);
  const place = el("div", { "aria-live": "polite" });
  const show = async () => {
    try {
      const items = await chosen(which.value);
      place.replaceChildren(items.length
        ? table("Answers, the newest first", ["Question", "How", "Sure", "When"], items.map((one) =>
          [el("a", { href: `#/trace/${one.id}` }, one.question ?? "(not kept)"), reasonName(one.reason), percent(one.confidence), when(one.created_at)]))
        : el("p", { class: "muted" }, "There are none."));
    } catch (error) {
      place.replaceChildren(problemBox(error, show));
    }
  };
  which.addEventListener("change", show);
  show();
  return el("section", { class: "card", "aria-label": "Answers that were given" }, el("h2", {}, "Answers that were given"), field("Show", which), place);
}

async function chosen(which) {
  if (which === "abstained") return listed("/v1/traces?abstained=true");
  if (which === "conflict") return (await Promise.all(["conflict", "contrast"].map((reason) => listed(`/v1/traces?reason=${reason}`)))).flat();
  if (which === "disagreement") return listed("/v1/traces?reason=disagreement");
  if (which !== "gate") return listed("/v1/traces");
  // It let memory answer, and somebody said that this was wrong.
  const [wrong, fromMemory] = await Promise.all([listed("/v1/feedback?verdict=wrong", 1000), listed("/v1/traces?reason=parametric", 1000)]);
  const ids = new Set(wrong.map((one) => one.trace));
  return fromMemory.filter((one) => ids.has(one.id));
}
