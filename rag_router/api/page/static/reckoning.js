// What a threshold would cost, reckoned from the held-out questions of a gate's card.
//
// A card holds bins [mean p_know, share that memory got right, questions], in the order of p_know.
// Inside a bin nothing is known: a threshold between two bins splits them cleanly.

/** Of all questions, for each place where the threshold may stand: how many are looked up, and so on. */
export function reckon(bins) {
  const total = bins.reduce((sum, bin) => sum + bin[2], 0);
  const rows = [];
  for (let below = 0; below <= bins.length; below++) {
    const from = bins.slice(below);
    const answered = from.reduce((sum, bin) => sum + bin[2], 0);
    const right = from.reduce((sum, bin) => sum + bin[1] * bin[2], 0);
    const needless = bins.slice(0, below).reduce((sum, bin) => sum + bin[1] * bin[2], 0);
    rows.push({
      threshold: below === 0 ? 0 : below === bins.length ? 1 : (bins[below - 1][0] + bins[below][0]) / 2,
      lookedUp: total ? 1 - answered / total : 0,
      accuracy: answered ? right / answered : null,
      wrongFromMemory: total ? (answered - right) / total : 0,
      needless: total ? needless / total : 0,
    });
  }
  return rows;
}

/** The row that a threshold stands for: as many bins are below as have a mean below it. */
export function at(rows, bins, threshold) {
  return rows[bins.filter((bin) => bin[0] < threshold).length];
}
