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
  let [ready, words] = [false, "The service does not answer. It is asked again until it does."];
  try {
    const told = await (await fetch("/health/live", { cache: "no-store" })).json();
    if (told.status === "ok") {
      const parts = await readiness();
      ready = parts === "ok";
      words = parts === "starting" ? "The models are being loaded; questions can be asked in a moment." : `Not ready: ${parts}`;
    }
  } catch {
    // Nobody is there; said below.
  }
  if (ready) health.replaceChildren();
  else if (health.textContent !== words) health.replaceChildren(el("p", { class: "banner" }, words));
  setTimeout(look, ready ? 15000 : 1500);
}

/** What is ready, asked so that a service that starts is no error on the console. */
async function readiness() {
  const told = await fetch("/health/ready", { cache: "no-store" });
  const { status, parts } = await told.json();
  return status === "starting" || status === "ok" ? status : Object.values(parts).filter((one) => one !== "ok").join("; ") || status;
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
