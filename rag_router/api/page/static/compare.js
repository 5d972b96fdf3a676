// The same question under two settings, side by side.

import { el, field, problemBox } from "./dom.js";
import { run } from "./running.js";
import { choices, settingsForm } from "./settings_form.js";

export async function compareView(view) {
  const there = await choices();
  const question = el("textarea", { rows: 2, required: true, maxlength: 20000, dir: "auto", placeholder: "What would you like to know?" });
  const sides = [["Left", "never"], ["Right", "always"]].map(([legend, retrieval]) => ({
    legend, settings: settingsForm(there, { retrieval, legend }), panel: el("div", { class: "panel" }),
  }));
  const go = el("button", { type: "submit", class: "primary" }, "Compare");
  const stop = el("button", { type: "button", disabled: true }, "Stop");
  const said = el("p", { role: "status", class: "verdict" });
  let stopping = null;
  const asked = async () => {
    const words = question.value.trim();
    if (!words || stopping) return;
    stopping = new AbortController();
    [go.disabled, stop.disabled] = [true, false];
    said.textContent = "";
    const answers = await Promise.all(sides.map(async (side) => {
      try {
        return await run({ question: words, ...side.settings.chosen() }, side.panel, stopping.signal);
      } catch (error) {
        side.panel.append(error.name === "AbortError" ? el("p", { class: "muted" }, "Stopped.") : problemBox(error));
        return null;
      }
    }));
    stopping = null;
    [go.disabled, stop.disabled] = [false, true];
    if (answers.every(Boolean)) said.textContent = difference(...answers);
  };
  stop.addEventListener("click", () => stopping?.abort());
  view.replaceChildren(
    el("h1", {}, "Compare two ways to answer"),
    el("p", { class: "lead" }, "One question under two settings, side by side: such as without and with looking it up."),
    el("form", { class: "card ask", onsubmit: (event) => {
      event.preventDefault();
      asked();
    } }, field("Question", question), el("div", { class: "two" }, sides.map((side) => side.settings.node)), el("div", { class: "row" }, go, stop)),
    said,
    el("div", { class: "two" }, sides.map((side) => el("section", { "aria-label": side.legend }, el("h2", { class: "side-name" }, side.legend), side.panel))));
  return () => stopping?.abort();
}

function difference(left, right) {
  const same = (left.answer ?? "").trim().toLowerCase() === (right.answer ?? "").trim().toLowerCase();
  const [a, b] = [left, right].map((one) => one.timings_ms.total);
  const faster = a && b ? ` The ${a < b ? "left" : "right"} one took ${Math.round(100 * Math.min(a, b) / Math.max(a, b))} % of the other's time.` : "";
  return (same ? (left.abstained ? "Both said nothing." : "Both say the same.") : "They differ.") + faster;
}
