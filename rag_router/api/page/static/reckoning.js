// What a threshold would cost, reckoned from questions of which it is known how they turned out.
//
// A record holds bins {p_know, memory, passages, n}, in the order of p_know: what the gate thought,
// the share that memory had right, the share that was right with everything looked up (null where
// nobody tried), and how many questions. Inside a bin nothing is known: a threshold splits cleanly.

/** For each place where the threshold may stand, as shares of all questions: what is looked up, and so on. */
export function reckon(bins) {
  const total = sum(bins, (bin) => bin.n) || 1;
  const tried = bins.length > 0 && bins.every((bin) => typeof bin.passages === "number");
  return Array.from({ length: bins.length + 1 }, (_, below) => {
    const [looked, kept] = [bins.slice(0, below), bins.slice(below)];
    const answered = sum(kept, (bin) => bin.n);
    const known = sum(kept, (bin) => bin.memory * bin.n);
    const found = sum(looked, (bin) => bin.passages * bin.n);
    return {
      lookedUp: 1 - answered / total,
      fromMemory: answered ? known / answered : null,
      wrongFromMemory: (answered - known) / total,
      needless: sum(looked, (bin) => bin.memory * bin.n) / total,
      right: tried ? (known + found) / total : null,
    };
  });
}

/** The row that a threshold stands for: as many bins are below as have a mean below it. */
export const at = (rows, bins, threshold) => rows[bins.filter((bin) => bin.p_know < threshold).length];

/** The same questions in at most `most` bins of about the same size. */
export function merged(bins, most = 10) {
  const size = sum(bins, (bin) => bin.n) / most;
  const out = [];
  let [room, seen] = [0, 0];
  for (const { p_know, memory, n } of bins) {
    if (!out.length || seen >= room - size / 1e6) {
      out.push({ p_know: 0, memory: 0, n: 0 });
      room = size * (Math.floor(seen / size + 1e-6) + 1);
    }
    const last = out.at(-1);
    [last.p_know, last.memory] = [(last.p_know * last.n + p_know * n) / (last.n + n), (last.memory * last.n + memory * n) / (last.n + n)];
    last.n += n;
    seen += n;
  }
  return out;
}

const sum = (some, of) => some.reduce((all, one) => all + of(one), 0);
