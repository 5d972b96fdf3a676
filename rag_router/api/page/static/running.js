// One question on its way: every stage as it happens, then the answer with everything behind it.

import { answerView, asText } from "./answer.js";
import { counted, el, ms, percent } from "./dom.js";
import { feedbackView } from "./feedback.js";
import { knowledgeView } from "./knowledge.js";
import { passagesView } from "./passages.js";
import { ask } from "./service.js";

const STAGES = {
  begin: "Waiting for its turn",
  gate: "Does the model know?",
  route: "Who answers, and where to look",
  retrieve: "Looking it up",
  filter: "What is worth reading",
  policy: "Whom to believe",
  decode: "Answering",
};

const PLANS = { parametric: "memory", contextual: "the passages", contrast: "both, weighed word by word", abstain: "nobody: say nothing" };

/** Ask, and show into `panel` what happens. Returns the answer; raises what `ask` raises. */
export async function run(request, panel, signal) {
  const line = stages();
  const draft = el("p", { class: "draft", dir: "auto", "aria-hidden": "true" });
  panel.replaceChildren(line.node, draft);
  let [found, attempt] = [[], 1];
  const heard = (stage, event) => {
    line.reach(stage, saidOf(stage, event));
    if (stage === "retrieve") found = event.passages;
    if (stage !== "decode") return;
    if (event.attempt !== attempt) draft.replaceChildren();
    attempt = event.attempt;
    draft.append(event.text);
  };
  try {
    const answer = await ask({ ...request, tokens: true }, heard, signal);
    line.end(answer.timings_ms);
    panel.replaceChildren(line.node);
    show(answer, panel, found);
    return answer;
  } catch (error) {
    line.fail(error.name === "AbortError" ? "stopped" : "broken off");
    draft.remove();
    throw error;
  }
}

/** Show an answer that is there already. */
export function show(answer, panel, found = []) {
  const passages = passagesView(answer, found);
  const answered = answerView(answer, passages.jump);
  panel.append(answered, links(answer), feedbackView(answer) ?? "", knowledgeView(answer), passages.node, costs(answer));
  return answered;
}

/** Where this answer can be found again, and the same as text. */
function links(answer) {
  const told = el("span", { role: "status" });
  const copy = (words, text) => el("button", { type: "button", class: "quiet", onclick: async () => {
    try {
      await navigator.clipboard.writeText(text());
      told.replaceChildren("Copied.");
    } catch {
      told.replaceChildren("The browser does not let this page copy.");
    }
  } }, words);
  const address = `${location.origin}/#/trace/${answer.trace}`;
  return el("p", { class: "row links" },
    answer.trace ? el("a", { href: `#/trace/${answer.trace}` }, "Link to this answer") : null,
    answer.trace ? copy("Copy link", () => address) : null, copy("Copy answer", () => asText(answer)), told);
}

function costs(answer) {
  const { usage, timings_ms: times } = answer;
  return el("p", { class: "muted costs" },
    [ms(times.total ?? 0), `${counted(usage.prompt_tokens, "token")} read, ${usage.completion_tokens} written`,
      counted(usage.lm_forward_passes, "pass through the model", "passes through the model"), counted(usage.retriever_calls, "search", "searches")].join(" · "));
}

function saidOf(stage, event) {
  if (stage === "gate") return `${percent(event.p_know)} — ${event.advised ? "look it up" : "answer from memory"}`;
  if (stage === "route") return [event.expert, ...event.retrievers.map((one) => one.name)].join(", ");
  if (stage === "retrieve") return event.looked ? counted(event.passages.length, "passage") : "not done";
  if (stage === "filter") return event.passages.length ? `${event.passages.filter((one) => one.kept).length} of ${event.passages.length} kept` : "";
  if (stage === "policy") return PLANS[event.plan] ?? String(event.plan).replaceAll("_", " ");
  return "";
}

/** The line of stages; `reach` marks one as reached, and how long the one before took. */
function stages() {
  const begun = performance.now();
  const items = Object.fromEntries(Object.entries(STAGES).map(([stage, words]) =>
    [stage, el("li", { "data-state": "ahead" }, el("span", { class: "name" }, words), el("span", { class: "what" }), el("span", { class: "time" }))]));
  const told = el("p", { class: "unseen", role: "status" });
  const node = el("section", { class: "stages", "aria-label": "Stages" }, el("ol", {}, Object.values(items)), told);
  const order = Object.keys(items);
  let [current, since] = [null, begun];
  items[order[0]].dataset.state = "running";
  const settle = (stage, now) => {
    items[stage].dataset.state = "done";
    items[stage].lastChild.textContent ||= ms(now - since);
  };
  return {
    node,
    reach(stage, what) {
      if (!(stage in items)) return;
      const now = performance.now();
      // An event tells that its stage is over, but for the words, which come one by one.
      if (stage !== current) {
        if (current === "decode") settle(current, now);
        if (stage !== "decode") settle(stage, now);
        [current, since] = [stage, now];
        told.textContent = `${STAGES[stage]} ${what}`;
        const next = order[order.indexOf(stage) + (stage === "decode" ? 0 : 1)];
        for (const item of Object.values(items)) if (item.dataset.state === "running") item.dataset.state = "ahead";
        if (next && items[next].dataset.state !== "done") items[next].dataset.state = "running";
      }
      if (what) items[stage].children[1].textContent = what;
    },
    end(times) {
      for (const [stage, item] of Object.entries(items)) {
        if (item.dataset.state === "running") item.dataset.state = stage === "decode" && current === "decode" ? "done" : "skipped";
        if (item.dataset.state === "ahead") item.dataset.state = "skipped";
        if (times[stage] !== undefined) item.lastChild.textContent = ms(times[stage]);
      }
      told.textContent = "The answer is there.";
    },
    fail(words) {
      for (const item of Object.values(items)) if (item.dataset.state === "running") {
        item.dataset.state = "failed";
        item.children[1].textContent = words;
      }
      told.textContent = `It was ${words}.`;
    },
  };
}
