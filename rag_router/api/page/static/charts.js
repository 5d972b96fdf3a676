// Small drawings of figures, each with its words for those who do not see it.

import { el, svg } from "./dom.js";

const [WIDE, HIGH, EDGE] = [320, 230, 38];
const across = (x, most) => EDGE + (WIDE - EDGE - 12) * (x / most);
const up = (y, most) => HIGH - EDGE - (HIGH - EDGE - 12) * (y / most);

/**
 * Draw a chart. `points` are [x, y]; `even` draws the line where x is y; `cursor` is an x that moves,
 * `now` one that stays. `most` are the ends of both axes; `says` is what a screen reader is told.
 */
export function chart({ title, x, y, points, most = [1, 1], dots = null, even = false, cursor = null, now = null, says }) {
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const label = (value) => `${Math.round(100 * value)}`;
  const path = points.map(([a, b], at) => `${at ? "L" : "M"} ${across(a, most[0]).toFixed(1)} ${up(b, most[1]).toFixed(1)}`).join(" ");
  const line = svg("line", { class: "cursor", y1: up(most[1], most[1]), y2: up(0, most[1]) });
  const move = (value) => {
    const at = across(Math.max(0, Math.min(most[0], value)), most[0]);
    line.setAttribute("x1", at);
    line.setAttribute("x2", at);
  };
  if (cursor !== null) move(cursor);
  const node = el("figure", { class: "chart" }, el("figcaption", {}, title),
    svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": says },
      ticks.map((t) => [
        svg("line", { class: "grid", x1: across(0, 1), x2: across(1, 1), y1: up(t, 1), y2: up(t, 1) }),
        svg("text", { x: across(t, 1), y: HIGH - EDGE + 15, "text-anchor": "middle" }, label(t * most[0])),
        svg("text", { x: EDGE - 5, y: up(t, 1) + 4, "text-anchor": "end" }, label(t * most[1]))]),
      svg("line", { class: "axis", x1: across(0, 1), x2: across(1, 1), y1: up(0, 1), y2: up(0, 1) }),
      even ? svg("line", { class: "even", x1: across(0, 1), y1: up(0, 1), x2: across(1, 1), y2: up(1, 1) }) : "",
      svg("path", { class: "curve", d: path }),
      (dots ?? []).map(([a, b, size]) => svg("circle", { class: "dot", cx: across(a, most[0]), cy: up(b, most[1]), r: size })),
      now === null ? "" : svg("line", { class: "now", x1: across(now, most[0]), x2: across(now, most[0]), y1: up(most[1], most[1]), y2: up(0, most[1]) }),
      cursor === null ? "" : line,
      svg("text", { x: (WIDE + EDGE) / 2, y: HIGH - 6, "text-anchor": "middle" }, x),
      svg("text", { x: 0, y: 0, "text-anchor": "middle", transform: `translate(10 ${(HIGH - EDGE) / 2}) rotate(-90)` }, y)));
  return { node, move };
}
