// What can be looked in: collections, their documents, uploading, and searching.

import { el, field, pagesOf, percent, problemBox, select, table, when } from "./dom.js";
import { call, headers, listed } from "./service.js";

export async function libraryView(view) {
  const place = el("div");
  view.replaceChildren(el("h1", {}, "What it can look in"),
    el("p", { class: "lead" }, "Collections of documents, cut into passages that the model reads where it does not know."), place);
  let left = false;
  const show = async () => {
    const collections = await listed("/v1/collections");
    if (left) return;
    place.replaceChildren(listOf(collections), making(show), ...(collections.length ? [uploading(collections, show, () => left), documents(collections), searching(collections)] : []));
  };
  await show();
  return () => {
    left = true;
  };
}

const listOf = (collections) => el("section", { class: "card", "aria-label": "Collections" }, el("h2", {}, "Collections"),
  collections.length
    ? table("Collections", ["Name", "About", "Documents", "Passages", "State"], collections.map((one) =>
      [one.name, one.about || "–", `${one.documents}`, one.passages.toLocaleString(), one.problem || "can be searched"]), false)
    : el("p", { class: "muted" }, "There is none yet; make one, and put documents into it."));

function making(then) {
  const [name, about, said] = [el("input", { type: "text", required: true, maxlength: 64, autocomplete: "off" }), el("input", { type: "text", maxlength: 2000 }), el("div", { role: "status" })];
  return el("details", { class: "card" }, el("summary", {}, "Make a collection"), el("form", { onsubmit: async (event) => {
    event.preventDefault();
    try {
      await call("/v1/collections", { method: "POST", json: { name: name.value.trim(), about: about.value } });
      await then();
    } catch (error) {
      said.replaceChildren(problemBox(error));
    }
  } }, field("Name", name, "a-z, 0-9, '.', '_' and '-'"), field("About", about), el("button", { type: "submit" }, "Make it"), said));
}

function uploading(collections, then, left) {
  const into = select(collections.map((one) => one.name));
  const files = el("input", { type: "file", multiple: true, required: true });
  const jobs = el("ul", { class: "plainlist", "aria-live": "polite" });
  return el("section", { class: "card", "aria-label": "Upload" }, el("h2", {}, "Add documents"), el("form", { onsubmit: async (event) => {
    event.preventDefault();
    const chosen = [...files.files];
    jobs.replaceChildren();
    // One after the other: a line that is full serves nobody.
    for (const file of chosen) await upload(file, into.value, jobs, left);
    if (!left()) documentsChanged(then, jobs);
  } }, field("Into", into), field("Files", files, ".txt .md .html .pdf .docx .csv .jsonl"), el("button", { type: "submit", class: "primary" }, "Upload")), jobs);
}

/** Show what is new, and leave the lines that say what became of each file. */
async function documentsChanged(then, jobs) {
  const lines = [...jobs.children];
  await then();
  document.querySelector("[aria-label=Upload] .plainlist")?.replaceChildren(...lines);
}

async function upload(file, collection, jobs, left) {
  const bar = el("progress", { max: 1, "aria-label": `Upload of ${file.name}` });
  const state = el("span", {}, "sending");
  const line = el("li", {}, el("strong", { dir: "auto" }, file.name), " ", state, bar);
  jobs.append(line);
  bar.value = 0;
  try {
    const accepted = await sent(file, collection, (share) => {
      bar.value = share;
      state.textContent = `sent ${percent(share)}`;
    });
    bar.removeAttribute("value");
    const job = await ended(accepted.job, left, (now) => {
      state.textContent = now.state === "running" ? "is being indexed" : "waits to be indexed";
    });
    state.textContent = job.state === "done" ? "can be found" : `${job.problem} ${job.hint}`;
  } catch (error) {
    state.textContent = `${error.message} ${error.hint ?? ""}`;
  }
  bar.remove();
}

/** Ask for a job until it has ended, or nobody looks any more; `told` hears of it on the way. */
async function ended(job, left, told = () => {}) {
  while (!["done", "failed"].includes(job.state) && !left()) {
    told(job);
    await new Promise((go) => setTimeout(go, 400));
    job = await call(`/v1/jobs/${encodeURIComponent(job.id)}`);
  }
  return job;
}

/** The one thing that fetch cannot do: tell how much of a file has been sent. */
function sent(file, collection, progress) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("collection", collection);
    form.append("file", file, file.name);
    request.open("POST", "/v1/documents");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 202) return done(request.response);
      failed(Object.assign(new Error(request.response?.detail ?? `Status ${request.status}.`), { hint: request.response?.hint ?? "" }));
    };
    request.onerror = () => failed(new Error("The connection broke; the file was not taken."));
    request.send(form);
  });
}

function documents(collections) {
  const which = select([["", "all collections"], ...collections.map((one) => one.name)]);
  const place = el("div", { "aria-live": "polite" });
  const show = async () => {
    try {
      const items = await listed(`/v1/documents${which.value ? `?collection=${encodeURIComponent(which.value)}` : ""}`);
      place.replaceChildren(items.length ? table("Documents that were uploaded", ["Name", "Collection", "State", "Passages", "When", "Remove"], items.map((one) =>
        [one.name, one.collection, one.problem ? `${one.state}: ${one.problem} ${one.hint}` : one.state, `${one.passages}`, when(one.changed_at), removal(one, show)]))
        : el("p", { class: "muted" }, "None was uploaded here; what the command line put in is searched all the same."));
    } catch (error) {
      place.replaceChildren(problemBox(error, show));
    }
  };
  which.addEventListener("change", show);
  show();
  return el("section", { class: "card", "aria-label": "Documents" }, el("h2", {}, "Documents"), field("In", which), place);
}

/** A button that asks once more before it erases. */
function removal(document_, then) {
  let sure = false;
  const button = el("button", { type: "button", class: "quiet", "aria-label": `Remove ${document_.name}`, onclick: async () => {
    if (!sure) {
      sure = true;
      button.textContent = "Really?";
      button.setAttribute("aria-label", `Really remove ${document_.name}?`);
      return;
    }
    button.disabled = true;
    try {
      const { job } = await call(`/v1/documents/${encodeURIComponent(document_.id)}`, { method: "DELETE" });
      button.textContent = "is being removed";
      await ended(job, () => !button.isConnected);
      await then();
    } catch (error) {
      button.replaceWith(problemBox(error));
    }
  } }, "Remove");
  return button;
}

function searching(collections) {
  const query = el("input", { type: "search", required: true, maxlength: 2000, dir: "auto" });
  const which = select(collections.map((one) => one.name));
  const place = el("div", { "aria-live": "polite" });
  return el("section", { class: "card", "aria-label": "Search" }, el("h2", {}, "Search"), el("form", { onsubmit: async (event) => {
    event.preventDefault();
    try {
      const found = await call("/v1/search", { method: "POST", json: { query: query.value, indexes: [which.value] } });
      place.replaceChildren(found.hits.length ? el("ol", {}, found.hits.map(hit)) : el("p", { class: "muted" }, "Nothing was found."));
    } catch (error) {
      place.replaceChildren(problemBox(error));
    }
  } }, field("Words or a question", query), field("In", which), el("button", { type: "submit" }, "Search")), place);
}

const hit = (one) => el("li", {},
  el("p", {}, el("strong", { dir: "auto" }, one.title || one.id), el("span", { class: "muted" }, ` ${one.id}${pagesOf(one) && `, ${pagesOf(one)}`} · ${one.retriever} · score ${one.score.toFixed(4)}`)),
  el("p", { class: "passage-text", dir: "auto" }, one.text.slice(0, 600)),
  el("p", { class: "muted" }, [one.terms.length ? `shares ${one.terms.join(", ")}` : "shares no word", one.why,
    ...one.found_by.map((by) => `${by.retriever} put it at ${by.rank}`)].filter(Boolean).join(" · ")));
