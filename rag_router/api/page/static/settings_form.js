// What a question may want otherwise than the service's settings.

import { el, field, select } from "./dom.js";
import { callOr } from "./service.js";

const LOOKING = [["auto", "when the model does not know"], ["always", "always"], ["never", "never"]];

/** What can be chosen: names of indexes and of experts; empty where the service does not say. */
export async function choices() {
  const [collections, experts] = await Promise.all([
    callOr("/v1/collections?limit=200", { items: [] }), callOr("/v1/experts", { items: [] })]);
  return { indexes: collections.items.map((one) => one.name), experts: experts.items.map((one) => one.name) };
}

/** The controls, and `chosen()`, which returns them as fields of a request. */
export function settingsForm({ indexes, experts }, { retrieval = "auto", legend = "How to answer" } = {}) {
  const looking = select(LOOKING, retrieval);
  const expert = select([["", "the router chooses"], ...experts]);
  const boxes = indexes.map((name) => el("input", { type: "checkbox", value: name, checked: true }));
  const relied = el("input", { type: "checkbox" });
  const reliance = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: "0.5", disabled: true, "aria-label": "Reliance, from memory to passages" });
  const reading = el("output", {}, "as it is set");
  const turned = () => {
    reliance.disabled = !relied.checked;
    const passages = Number(reliance.value);
    const words = `${Math.round(100 * (1 - passages))} % memory`;
    reading.value = relied.checked ? words : "as it is set";
    reliance.setAttribute("aria-valuetext", words);
  };
  relied.addEventListener("change", turned);
  reliance.addEventListener("input", turned);
  const node = el("fieldset", { class: "settings" }, el("legend", {}, legend),
    field("Look things up", looking),
    experts.length > 1 ? field("Expert", expert) : null,
    boxes.length ? el("fieldset", { class: "boxes" }, el("legend", {}, "Look in"),
      boxes.map((box) => el("label", {}, box, ` ${box.value}`))) : null,
    el("div", { class: "field reliance" }, el("label", {}, relied, " Where they conflict, rely on"),
      el("div", { class: "slider" }, el("span", {}, "memory"), reliance, el("span", {}, "passages")), reading));
  const chosen = () => {
    const request = { retrieval: looking.value };
    if (expert.value) request.expert = expert.value;
    if (boxes.some((box) => !box.checked)) request.indexes = boxes.filter((box) => box.checked).map((box) => box.value);
    // The slider runs from memory to passages, and the service counts the other way.
    if (relied.checked) request.reliance = Math.round(100 * (1 - Number(reliance.value))) / 100;
    return request;
  };
  return { node, chosen };
}
