// The first view: a question, how to answer it, and everything that happens then.

import { el, field, problemBox } from "./dom.js";
import { run } from "./running.js";
import { choices, settingsForm } from "./settings_form.js";

export async function askView(view) {
  const question = el("textarea", { rows: 2, required: true, maxlength: 20000, dir: "auto", placeholder: "What would you like to know?" });
  const go = el("button", { type: "submit", class: "primary" }, "Ask");
  const stop = el("button", { type: "button", disabled: true }, "Stop");
  const place = el("div");
  const panel = el("div", { class: "panel" });
  let settings = settingsForm({ indexes: [], experts: [] });
  let stopping = null;

  const asked = async () => {
    const words = question.value.trim();
    if (!words || stopping) return;
    stopping = new AbortController();
    [go.disabled, stop.disabled] = [true, false];
    try {
      await run({ question: words, ...settings.chosen() }, panel, stopping.signal);
    } catch (error) {
      panel.append(error.name === "AbortError" ? el("p", { class: "muted", role: "status" }, "Stopped; nothing was answered.") : problemBox(error, asked));
      if (error.name !== "AbortError" && !error.message) throw error;
    } finally {
      stopping = null;
      [go.disabled, stop.disabled] = [false, true];
    }
  };
  const form = el("form", { class: "card ask", onsubmit: (event) => {
    event.preventDefault();
    asked();
  } }, field("Question", question), place, el("div", { class: "row" }, go, stop));
  stop.addEventListener("click", () => stopping?.abort());
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
    if (event.key === "Escape") stopping?.abort();
  });
  place.append(settings.node);
  view.replaceChildren(
    el("h1", {}, "Ask, and see why"),
    el("p", { class: "lead" }, "The model answers from ", el("span", { class: "swatch", "data-kind": "memory" }, "memory"),
      " what it knows, and looks up what it does not know in your ", el("span", { class: "swatch", "data-kind": "passages" }, "passages"), "."),
    form, panel);
  const there = await choices();
  const again = settingsForm(there);
  place.replaceChildren(again.node);
  settings = again;
  return () => stopping?.abort();
}
