// What a question may want otherwise than the service's settings.

import { el, field, freshId, select } from "./dom.js";
import { callOr } from "./service.js";

const LOOKING = [["auto", "when the model does not know"], ["always", "always"], ["never", "never"]];

/** What can be chosen: names of indexes, and experts; `told` is whether the service says. */
export async function choices() {
  const [collections, experts] = await Promise.all([callOr("/v1/collections?limit=200", null), callOr("/v1/experts", { items: [] })]);
  return { told: collections !== null, indexes: (collections?.items ?? []).map((one) => one.name), experts: experts.items };
}

/** The controls, and `chosen()`, which returns them as fields of a request. */
export function settingsForm({ told = false, indexes, experts }, { retrieval = "auto", legend = "How to answer" } = {}) {
  const looking = select(LOOKING, retrieval);
  const expert = select([["", "the router chooses"], ...experts.map((one) => one.name)]);
  const boxes = indexes.map((name) => el("input", { type: "checkbox", value: name, checked: true }));
  const relied = el("input", { type: "checkbox" });
  const reliance = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: "0.5", disabled: true, "aria-label": "Reliance, from memory to passages" });
  const reading = el("output", { class: "muted" }, "as it is set");
  const none = el("small", { hidden: true, id: freshId("no-knob") }, "The decoder in use has no such knob; confidence_gain has one.");
  relied.setAttribute("aria-describedby", none.id);
  const turned = () => {
    const asked = experts.filter((one) => !expert.value || one.name === expert.value);
    const knob = !asked.length || asked.some((one) => one.reliance !== false);
    relied.disabled = !knob;
    reliance.disabled = !knob || !relied.checked;
    none.hidden = knob;
    const passages = Number(reliance.value);
    const words = `${Math.round(100 * (1 - passages))} % memory`;
    reading.value = reliance.disabled ? "as it is set" : words;
    reliance.setAttribute("aria-valuetext", words);
  };
  for (const [control, turn] of [[relied, "change"], [reliance, "input"], [expert, "change"]]) control.addEventListener(turn, turned);
  turned();
  const node = el("fieldset", { class: "settings" }, el("legend", {}, legend),
    field("Look things up", looking),
    experts.length > 1 ? field("Expert", expert) : null,
    boxes.length ? el("fieldset", { class: "boxes" }, el("legend", {}, "Look in"),
      boxes.map((box) => el("label", {}, box, ` ${box.value}`)))
      : told ? el("p", { class: "field empty" }, "There is nothing to look in yet. ", el("a", { href: "#/library" }, "Add documents"), ".") : null,
    el("div", { class: "field reliance" }, el("label", {}, relied, " Where they conflict, rely on"),
      el("div", { class: "slider" }, el("span", {}, "memory"), reliance, el("span", {}, "passages")), reading, none));
  const chosen = () => {
    const request = { retrieval: looking.value };
    if (expert.value) request.expert = expert.value;
    if (boxes.some((box) => !box.checked)) request.indexes = boxes.filter((box) => box.checked).map((box) => box.value);
    // The slider runs from memory to passages, and the service counts the other way.
    if (!reliance.disabled) request.reliance = Math.round(100 * (1 - Number(reliance.value))) / 100;
    return request;
  };
  return { node, chosen };
}
