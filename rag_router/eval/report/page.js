"use strict";
// The table of questions. Everything from outside is set as text content, never as markup.
(() => {
  const { columns, flags, rows } = JSON.parse(document.getElementById("rows").textContent);
  const byId = (id) => document.getElementById(id);
  const made = (tag, text = "", className = "") => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (className) node.className = className;
    return node;
  };
  const isNumber = (value) => typeof value === "number";
  const numeric = columns.map((_, at) => rows.some((row) => row[at] !== null) &&
    rows.every((row) => row[at] === null || isNumber(row[at])));
  // Texts get room for some words each; narrower columns would break them everywhere.
  const widths = columns.map((_, at) => {
    const longest = rows.reduce((most, row) =>
      typeof row[at] === "string" ? Math.max(most, row[at].length) : most, 0);
    return longest > 40 ? "long" : longest > 14 ? "short" : "";
  });
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const state = { sort: -1, down: false, page: 0, size: 50, words: [], flags: new Set() };
  let found = rows.map((_, at) => at);
  let searchable = null;

  const shown = (value) => {
    if (value === null) return "";
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (!isNumber(value)) return value;
    const size = Math.abs(value);
    if (Number.isInteger(value)) return value.toLocaleString("en");
    if (size < 0.0005 || size >= 1e12) return value.toExponential(1);
    const decimals = size < 0.9995 ? 3 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    const text = value.toLocaleString("en", {
      minimumFractionDigits: decimals, maximumFractionDigits: decimals,
    });
    return text.replace(/^(-?)0\./, "$1.");
  };

  const compared = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "string" || typeof b === "string"
      ? collator.compare(String(a), String(b)) : a - b;
    return state.down ? -order : order;
  };

  const find = () => {
    if (state.words.length && !searchable) {
      searchable = rows.map((row) => row.map(shown).join("\n").toLowerCase());
    }
    found = [];
    rows.forEach((row, at) => {
      const flagged = [...state.flags].every((column) => row[column] === true);
      if (flagged && state.words.every((word) => searchable[at].includes(word))) found.push(at);
    });
    if (state.sort >= 0) {
      found.sort((a, b) => compared(rows[a][state.sort], rows[b][state.sort]) || a - b);
    }
    state.page = 0;
    draw();
  };

  const draw = () => {
    const pages = Math.max(1, Math.ceil(found.length / state.size));
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    const start = state.page * state.size;
    const visible = found.slice(start, start + state.size);
    const body = document.createDocumentFragment();
    for (const at of visible) {
      const line = made("tr");
      rows[at].forEach((value, column) => {
        const kind = isNumber(value) ? "number" : value === false ? "no" : widths[column];
        const cell = made(columns[column] === "id" ? "th" : "td", "", kind);
        if (cell.tagName === "TH") cell.scope = "row";
        const text = made("div", shown(value));
        if (typeof value === "string") text.dir = "auto";
        if (isNumber(value)) text.title = String(value);
        cell.append(text);
        line.append(cell);
      });
      body.append(line);
    }
    document.querySelector("#table tbody").replaceChildren(body);
    document.querySelectorAll("#table thead th").forEach((heading, column) => {
      const order = state.down ? "descending" : "ascending";
      heading.setAttribute("aria-sort", column === state.sort ? order : "none");
    });
    const of = found.length < rows.length ? `, out of ${shown(rows.length)}` : "";
    byId("status").textContent = found.length
      ? `${shown(start + 1)}–${shown(start + visible.length)} of ${shown(found.length)} questions${of}`
      : `No question is like that${of}.`;
    byId("page").textContent = `Page ${shown(state.page + 1)} of ${shown(pages)}`;
    byId("first").disabled = byId("previous").disabled = state.page === 0;
    byId("last").disabled = byId("next").disabled = state.page === pages - 1;
  };

  const headings = made("tr");
  columns.forEach((name, column) => {
    const heading = made("th", "", numeric[column] ? "number" : "");
    heading.scope = "col";
    const button = made("button", name);
    button.type = "button";
    // Up, down, and back to the order of the data.
    button.addEventListener("click", () => {
      if (state.sort !== column) [state.sort, state.down] = [column, false];
      else if (!state.down) state.down = true;
      else [state.sort, state.down] = [-1, false];
      find();
    });
    heading.append(button);
    headings.append(heading);
  });
  document.querySelector("#table thead").append(headings);

  for (const flag of flags) {
    const column = columns.indexOf(flag);
    const label = made("label");
    const box = made("input");
    box.type = "checkbox";
    box.addEventListener("change", () => {
      if (box.checked) state.flags.add(column);
      else state.flags.delete(column);
      find();
    });
    const count = rows.filter((row) => row[column] === true).length;
    label.append(box, ` ${flag} `, made("span", `(${shown(count)})`, "count"));
    byId("flags").append(label);
    byId("flags").hidden = false;
  }

  let waiting = 0;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      state.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
      find();
    }, 120);
  });
  byId("whole").addEventListener("change", (event) =>
    byId("table").classList.toggle("whole", event.target.checked));
  byId("size").addEventListener("change", (event) => {
    const first = state.page * state.size;
    state.size = Number(event.target.value);
    state.page = Math.floor(first / state.size);
    draw();
  });
  const turn = (id, page) => byId(id).addEventListener("click", () => {
    state.page = page();
    draw();
    document.querySelector("#questions .tall").scrollTop = 0;
  });
  turn("first", () => 0);
  turn("previous", () => state.page - 1);
  turn("next", () => state.page + 1);
  turn("last", () => Infinity);
  byId("controls").hidden = byId("pager").hidden = false;
  find();
})();
