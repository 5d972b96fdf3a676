// An answer as it was given, under an address that can be passed on.

import { el, problemBox, when } from "./dom.js";
import { show } from "./running.js";
import { call } from "./service.js";

const KEPT = {
  full: "",
  no_passages: "What the passages say, and the figures of each word, are not kept here.",
  no_text: "No text is kept here; figures and names are.",
};

export async function traceView(view, id) {
  const panel = el("div", { class: "panel" });
  const title = el("h1", {}, "An answer that was given");
  view.replaceChildren(title, panel);
  try {
    const trace = await call(`/v1/traces/${encodeURIComponent(id)}`);
    const answer = { ...trace.answer, trace: trace.id };
    title.textContent = answer.question ?? "An answer that was given";
    panel.append(el("p", { class: "muted" }, `${when(trace.created_at)}. ${KEPT[trace.kept] ?? ""}`));
    show(answer, panel);
  } catch (error) {
    panel.append(problemBox(error));
  }
}
