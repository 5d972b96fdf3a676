// Speaking with the service that this page came from, and with nobody else.

/** Something that went wrong, as the service told it, or as the connection showed it. */
export class Problem extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

const AWAY = ["The service does not answer.", "It may be starting again; try once more in a moment."];

const KEY = "rag_router key";
/** What a service with a key wants to hear; kept until the window is closed, and sent nowhere else. */
export const useKey = (key) => sessionStorage.setItem(KEY, key);
export function headers(more = {}) {
  const key = sessionStorage.getItem(KEY);
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

/** Ask for something, and return what it says; `undefined` where it says nothing. */
export async function call(path, { method = "GET", json, body, signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: headers(json === undefined ? {} : { "Content-Type": "application/json" }),
      body: json === undefined ? body : JSON.stringify(json),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(...AWAY);
  }
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? undefined : response.json();
}

/** The same, or `otherwise` where the service has no such thing or keeps nothing. */
export async function callOr(path, otherwise) {
  try {
    return await call(path);
  } catch (error) {
    if (error instanceof Problem) return otherwise;
    throw error;
  }
}

/** Every entry of a paged list, up to `most`. */
export async function listed(path, most = 200) {
  const items = [];
  let cursor = null;
  do {
    const mark = path.includes("?") ? "&" : "?";
    const page = await call(`${path}${mark}limit=${Math.min(200, most)}` + (cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""));
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < most);
  return items.slice(0, most);
}

/**
 * Ask a question, and hear of every stage as it happens.
 * `heard(stage, event)` is called for each; returns the answer.
 */
export async function ask(request, heard, signal) {
  let response;
  try {
    response = await fetch("/v1/answer", {
      method: "POST",
      signal,
      headers: headers({ "Content-Type": "application/json" }),
      body: JSON.stringify({ ...request, stream: true }),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(...AWAY);
  }
  if (!response.ok) throw await problemOf(response);
  let answer = null;
  try {
    for await (const [stage, event] of events(response.body)) {
      if (stage === "problem") throw new Problem(event.detail, event.hint, event.status);
      if (stage === "answers") answer = event.answers[0];
      else heard(stage, event);
    }
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    answer = null;
  }
  if (!answer) throw new Problem("The connection broke before the answer was there.", "Nothing was lost but this answer; ask again.");
  return answer;
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const told = lines.find((line) => line.startsWith("data: "));
      const name = lines.find((line) => line.startsWith("event: "));
      if (told) yield [name ? name.slice(7) : "", JSON.parse(told.slice(6))];
    }
  }
}

async function problemOf(response) {
  if (response.status === 401) dispatchEvent(new Event("keywanted"));
  try {
    const told = await response.json();
    return new Problem(told.detail || told.title, told.hint, response.status);
  } catch {
    return new Problem(`The service answered with status ${response.status}.`, "", response.status);
  }
}
