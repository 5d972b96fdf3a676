// Which view is shown, and whether the service is there.

import { el, field, problemBox } from "./dom.js";
import { useKey } from "./service.js";

const VIEWS = {
  ask: async (view) => (await import("./ask.js")).askView(view),
  compare: async (view) => (await import("./compare.js")).compareView(view),
  library: async (view) => (await import("./library.js")).libraryView(view),
  gates: async (view) => (await import("./gates.js")).gatesView(view),
  trace: async (view, id) => (await import("./trace.js")).traceView(view, id),
};

const view = document.getElementById("view");
const health = document.getElementById("health");
let [leave, turn] = [null, 0];

async function go() {
  const [, name = "ask", id = ""] = location.hash.split("/");
  const open = VIEWS[name] ? name : "ask";
  const mine = ++turn;
  leave?.();
  leave = null;
  for (const link of document.querySelectorAll("nav a"))
    link.hash === `#/${open}` ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  // Each view has a room of its own: one that is left may still be writing into it.
  const room = el("div", { class: `view ${open}` });
  view.replaceChildren(room);
  try {
    const left = await VIEWS[open](room, decodeURIComponent(id));
    if (mine === turn) leave = left ?? null;
    else left?.();
  } catch (error) {
    if (mine === turn) room.replaceChildren(problemBox(error, go));
    if (!("status" in error)) console.error(error);
  }
  document.title = `${view.querySelector("h1")?.textContent ?? "Ask"} · rag_router`;
}

/** Look whether the service is ready, more often while it is not. */
async function look() {
  let words = "The service does not answer. It is asked again until it does.";
  try {
    words = await trouble();
  } catch {
    // Nobody is there.
  }
  if (!words) recover();
  else if (health.textContent !== words) health.replaceChildren(el("p", { class: "banner" }, words));
  setTimeout(look, words ? 1500 : 15000);
}

/** Take the notice away; a view that came up while nobody answered is shown anew, unless somebody writes in it. */
function recover() {
  const away = health.firstChild;
  health.replaceChildren();
  if (away && ![...view.querySelectorAll("textarea, input[type=text], input[type=search]")].some((one) => one.value)) go();
}

/** What keeps the service from answering; empty where nothing does. */
async function trouble() {
  const alive = await (await fetch("/health/live", { cache: "no-store" })).json();
  // Told by who lives, as a browser calls it an error when asking who is ready says "not yet".
  if (alive.parts?.models === "starting") return "The models are being loaded; questions can be asked in a moment.";
  const { status, parts = {}, detail } = await (await fetch("/health/ready", { cache: "no-store" })).json();
  if (status === "ok") return "";
  return `Not ready: ${detail ?? (Object.values(parts).filter((one) => one !== "ok").join("; ") || status)}`;
}

/** A service with a key asks for it once. */
addEventListener("keywanted", () => {
  if (document.getElementById("key")) return;
  const key = el("input", { type: "password", id: "key", required: true, autocomplete: "off" });
  const form = el("form", { class: "banner", onsubmit: (event) => {
    event.preventDefault();
    useKey(key.value.trim());
    form.remove();
    go();
  } }, field("This service wants a key", key), el("button", { type: "submit" }, "Use it"));
  health.after(form);
  key.focus();
});

addEventListener("hashchange", () => {
  go();
  view.focus({ preventScroll: true });
  scrollTo(0, 0);
});
go();
look();
