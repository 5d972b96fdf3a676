// Which words came from memory, and which from the passages.

/** What kinds of words there are, in the order of the legend. */
export const KINDS = {
  memory: "from memory",
  both: "memory and passages agree",
  passages: "from the passages",
  unknown: "not told apart",
};

/**
 * Say where a token leans: `share` is 0 for memory, 1 for the passages.
 *
 * Where both streams ran, it is how likely each held the token: p(with passages) over the sum of
 * both. A stream that did not list the token held it at most as likely as the last one it listed.
 * Where a single stream ran, everything is of that one. `how` says so in words.
 */
export function leaning(token, reason) {
  const read = token.alternatives ?? [];
  const known = token.alternatives_closed ?? [];
  if (read.length && known.length) {
    const withPassages = held(token.text, read);
    const fromMemory = held(token.text, known);
    if (withPassages.listed || fromMemory.listed) {
      const share = withPassages.p / (withPassages.p + fromMemory.p || 1);
      return {
        share,
        kind: share < 0.4 ? "memory" : share > 0.6 ? "passages" : "both",
        how: `To memory alone it was ${chance(fromMemory)} likely, with the passages ${chance(withPassages)}.`,
      };
    }
    return { share: 0.5, kind: "unknown", how: "Neither stream had it among its likeliest words." };
  }
  if (reason === "parametric" || token.entropy_closed !== undefined && token.entropy_context === undefined)
    return { share: 0, kind: "memory", how: "No passage was read for it." };
  return { share: 1, kind: "passages", how: "It was said with the passages in view, and memory was not asked." };
}

function held(text, likeliest) {
  const found = likeliest.find((one) => one.text === text) ?? likeliest.find((one) => one.text.trim() === text.trim());
  return found ? { p: found.probability, listed: true } : { p: likeliest.at(-1).probability, listed: false };
}

const chance = ({ p, listed }) => (listed ? "" : "at most ") + `${(100 * p).toFixed(p < 0.1 ? 1 : 0)} %`;
