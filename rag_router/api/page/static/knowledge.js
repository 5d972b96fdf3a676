// What the model knew: the gate's dial, the signals behind it, and who was considered.

import { counted, el, figure, percent, svg, table } from "./dom.js";

/** Show what the gate said, and where the question was sent. */
export function knowledgeView(answer) {
  const { knowledge, route } = answer;
  return el("section", { class: "card knowledge", "aria-label": "Knowledge" },
    el("h2", {}, "What the model knew"),
    el("div", { class: "knew" }, dial(knowledge.p_know, knowledge.threshold),
      el("div", {},
        el("p", {}, el("strong", {}, verdict(knowledge))),
        knowledge.reason ? el("p", {}, knowledge.reason) : null,
        el("p", { class: "muted" }, `Gate ${knowledge.gate}; ${knowledge.extra_prefill_tokens || knowledge.extra_decode_steps
          ? `it cost ${counted(knowledge.extra_prefill_tokens, "token")} more to read and ${counted(knowledge.extra_decode_steps, "more step")}`
          : "asking it cost nothing more"}.`))),
    signals(knowledge.signals),
    el("h3", {}, "Who answered, and where it was looked up"),
    experts(route),
    route.retrievers.length
      ? el("ul", { class: "plainlist" }, route.retrievers.map((one) => el("li", {},
        el("strong", {}, one.name), ` weighs ${percent(one.weight)}`, one.why ? el("span", { class: "muted" }, ` — ${one.why}`) : null)))
      : el("p", { class: "muted" }, "Nothing was looked up."));
}

function verdict(knowledge) {
  if (knowledge.retrieve && !knowledge.advised) return "The gate would have answered from memory; it was overruled, and looked up.";
  if (!knowledge.retrieve && knowledge.advised) return "The gate advised to look it up; that was not done.";
  return knowledge.retrieve ? "Not sure enough to answer from memory: it was looked up." : "Sure enough: nothing was looked up.";
}

/** A half circle from 0 to 1, a needle where the model stands and a mark where the threshold is. */
export function dial(known, threshold) {
  const at = (value, radius) => [100 - radius * Math.cos(Math.PI * value), 100 - radius * Math.sin(Math.PI * value)].map((x) => x.toFixed(1));
  const arc = (from, to, name) => {
    const [x0, y0] = at(from, 80);
    const [x1, y1] = at(to, 80);
    return svg("path", { d: `M ${x0} ${y0} A 80 80 0 0 1 ${x1} ${y1}`, class: name });
  };
  const split = threshold === null || threshold === undefined ? null : Math.max(0, Math.min(1, threshold));
  const [nx, ny] = at(known, 68);
  const words = `The model knows the answer with ${percent(known, 1)}` + (split === null ? "" : `; below ${percent(split, 1)} it is looked up`);
  return el("figure", { class: "dial" },
    svg("svg", { viewBox: "0 0 200 118", role: "img", "aria-label": words },
      arc(0, split ?? 1, split === null ? "arc memory" : "arc passages"), split === null ? "" : arc(split, 1, "arc memory"),
      split === null ? "" : svg("line", { x1: at(split, 68)[0], y1: at(split, 68)[1], x2: at(split, 94)[0], y2: at(split, 94)[1], class: "threshold" }),
      svg("line", { x1: 100, y1: 100, x2: nx, y2: ny, class: "needle" }), svg("circle", { cx: 100, cy: 100, r: 5, class: "hub" })),
    el("figcaption", {}, el("strong", {}, percent(known, 1)), " likely to know it", split === null ? "" : ` · threshold ${percent(split, 1)}`));
}

function signals(some) {
  const rows = Object.entries(some ?? {});
  if (!rows.length) return null;
  return el("details", {}, el("summary", {}, rows.length === 1 ? "The figure behind it" : `The ${rows.length} figures behind it`),
    table("Signals that the gate read", ["Signal", "Value"], rows.map(([name, value]) => [name, figure(value, 4)])));
}

function experts({ expert, opinions }) {
  const considered = expert.candidates ?? [];
  return el("div", {},
    el("p", {}, el("strong", {}, expert.name), considered.length
      ? ` won with ${figure(expert.score)}${expert.router ? `, chosen by ${expert.router}` : ""}.`
      : " answered; there was nobody else to choose."),
    considered.length ? table("Experts that were considered", ["Expert", "Score", "Why"], considered.map((one) => [one.name, figure(one.score), one.why ?? ""])) : null,
    opinions?.length ? table("What each of them said", ["Expert", "Answer", "Weight", "Why"],
      opinions.map((one) => [one.expert, one.answer ?? "–", figure(one.weight), one.why ?? ""])) : null);
}
