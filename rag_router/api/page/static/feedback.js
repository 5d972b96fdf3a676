// Right, wrong, and what would have been right: what a gate learns from.

import { el, field, problemBox } from "./dom.js";
import { call } from "./service.js";

/** Buttons under an answer; nothing where the answer was not kept. */
export function feedbackView(answer) {
  if (!answer.trace) return null;
  const said = el("div", { role: "status", class: "said" });
  const say = async (verdict, correct = "") => {
    try {
      const kept = await call("/v1/feedback", { method: "POST", json: { trace: answer.trace, verdict, correct_answer: correct } });
      said.replaceChildren(el("p", {}, kept.teaches ? "Thank you: the gate can learn from that." : "Thank you. No text is kept here, so no gate can learn from it."));
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
    } catch (error) {
      said.replaceChildren(problemBox(error, () => say(verdict, correct)));
    }
  };
  const buttons = [["right", "Right"], ["wrong", "Wrong"]].map(([verdict, words]) =>
    el("button", { type: "button", "data-verdict": verdict, "aria-pressed": "false", onclick: () => say(verdict) }, words));
  const correct = el("input", { type: "text", maxlength: 2000, autocomplete: "off", dir: "auto" });
  return el("section", { class: "card feedback", "aria-label": "Feedback" },
    el("div", { class: "row" }, el("span", {}, answer.abstained ? "Was it right to say nothing?" : "Was that right?"), buttons),
    el("form", { class: "row", onsubmit: (event) => {
      event.preventDefault();
      if (correct.value.trim()) say("wrong", correct.value.trim());
    } }, field("The answer is …", correct), el("button", { type: "submit" }, "Send")),
    said);
}
