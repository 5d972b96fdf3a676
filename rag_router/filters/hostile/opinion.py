"""A second opinion beside the rules: how a sentence that gives orders to a model is worded.

Rules know the wordings that somebody thought of. A linear model on the words of a sentence was
fitted to attacks and to honest sentences (`benchmarks.fit_instructions`), and its sum is

    b  +  s / sqrt(words) * sum of hashed features  +  sum of features made by hand

as logits, with the threshold taken off: at 0 a sentence is as suspicious as one plain order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact
from rag_router.filters.hostile.suspicion import Suspicion
from rag_router.filters.hostile.wording import (
    BITS,
    HASHED,
    SPREAD,
    bits_of,
    hand_features,
    lead_bits,
    signs_of,
    tokens_of,
    word_code,
    word_pieces,
)

__all__ = ["LEAST_WORDS", "WEIGHTS", "Opinion", "find_wordings"]

WEIGHTS: Final = Path(__file__).parent / "wordings"
"""The artefact that is shipped; it speaks about no model."""

LEAST_WORDS: Final = 4
"""Shorter sentences count as long as this."""
_WINDOW: Final = 120
_FARTHEST: Final = 20_000
"""Characters that are looked at of one text; rules look at more."""
_BITS_32: Final = np.uint64(0xFFFFFFFF)
_TO_HASHED: Final = np.uint64(16)
_MOST_KEPT: Final = 100_000
_TOLD: Final = 3
_SUREST: Final = 0.85
"""It is never as sure as a rule that has found a plain order."""


class Opinion:
    """What the words of a sentence say of its purpose.

    Args:
        weights: Of each feature (`rag_router.filters.hostile.wording`), with the threshold in the
            intercept, and the intercept behind them.
        glance: Sum of hashed features and intercept below which nothing else is looked at.
    """

    def __init__(self, weights: NDArray[Any], glance: float = -math.inf) -> None:
        self._weights: list[float] = weights[:-1].tolist()
        self._hashed = np.asarray(weights[:HASHED], dtype=np.float64)
        self._intercept = float(weights[-1])
        self._glance = glance
        self._words = _Words(self._hashed)

    def logits(
        self, text: str, original: str, units: Sequence[tuple[int, int]]
    ) -> list[tuple[float, tuple[str, ...]]]:
        """Return how suspicious each sentence is, 0 at the threshold, and by what it is so most.

        Args:
            text: Folded.
            original: As long as that, with its capitals.
            units: Where the sentences stand.
        """
        said = [tokens_of(text, start, end) for start, end in units]
        out: list[tuple[float, tuple[str, ...]]] = []
        for (start, end), tokens, glanced in zip(units, said, self.glances(said), strict=True):
            if glanced < self._glance:
                out.append((-math.inf, ()))
                continue
            bits = [bits_of(token) for token in tokens]
            there = signs_of(original[start:end])
            for one in bits:
                there |= one
            lead = lead_bits(tokens, bits)
            logit = glanced + sum(self._weights[one] for one in hand_features(there, lead))
            out.append((logit, self._told(there, lead) if logit >= 0 else ()))
        return out

    def glances(self, said: Sequence[Sequence[str]]) -> list[float]:
        """Return the sum of hashed features and intercept of each sentence.

        Long ones are looked at in pieces, as honest words around an attack would drown it; that of
        the most suspicious piece counts.
        """
        pieces = [
            (at, tokens[first : first + _WINDOW])
            for at, tokens in enumerate(said)
            for first in range(0, len(tokens), _WINDOW)
        ]
        out = [-math.inf] * len(said)
        if not pieces:
            return out
        lengths = np.fromiter((len(tokens) for _, tokens in pieces), np.int64, len(pieces))
        adds, codes = self._words.known([token for _, tokens in pieces for token in tokens])
        starts = np.cumsum(lengths) - lengths
        last = np.empty_like(codes)
        last[1:], last[starts] = codes[:-1], 1
        before = np.ones_like(codes)
        before[1:] = last[:-1]
        before[starts] = 1
        spread = np.uint64(SPREAD)
        sums = adds + self._hashed[((last * spread + codes) & _BITS_32) >> _TO_HASHED]
        sums += self._hashed[((before * spread + codes * np.uint64(3)) & _BITS_32) >> _TO_HASHED]
        totals = np.add.reduceat(sums, starts) / np.sqrt(np.maximum(lengths, LEAST_WORDS))
        for (at, _), total in zip(pieces, (totals + self._intercept).tolist(), strict=True):
            out[at] = max(out[at], total)
        return out

    def _told(self, there: int, lead: int) -> tuple[str, ...]:
        """Return what weighs most, with what it stands together with."""
        shares = [0.0] * len(BITS)
        for feature in hand_features(there, lead):
            at = feature - HASHED
            named = [at] if at < len(BITS) else list(divmod(at - len(BITS), len(BITS)))
            if at >= len(BITS) + len(BITS) ** 2:
                named = [at - len(BITS) - len(BITS) ** 2]
            for one in named:
                shares[one] += self._weights[feature] / len(named)
        best = sorted(range(len(BITS)), key=lambda one: -shares[one])[:_TOLD]
        return tuple(BITS[one] for one in best if shares[one] > 0)


class _Words:
    """For each word what it adds by itself and its code, worked out when it is met."""

    def __init__(self, weights: NDArray[np.float64]) -> None:
        self._weights = weights
        self._adds: dict[str, float] = {}
        self._codes: dict[str, int] = {}

    def known(self, words: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
        """Return of each word what it adds, and its code."""
        if len(self._codes) > _MOST_KEPT:
            self._adds, self._codes = {}, {}
        # Other threads may put words in, but never take any out of these two.
        adds, codes = self._adds, self._codes
        for word in set(words).difference(codes):
            adds[word] = float(self._weights[word_pieces(word)].sum())
            codes[word] = word_code(word)
        return (
            np.fromiter(map(adds.__getitem__, words), np.float64, len(words)),
            np.fromiter(map(codes.__getitem__, words), np.uint64, len(words)),
        )


def find_wordings(
    text: str,
    original: str,
    units: Sequence[tuple[int, int]],
    opinion: Opinion | None = None,
) -> Iterator[Suspicion]:
    """Find sentences that are worded like orders to a model.

    Args:
        text: Folded.
        original: As long as that, with its capitals.
        units: Where its sentences stand.
        opinion: What judges; by default the one that is shipped.
    """
    looked_at = [(start, min(end, _FARTHEST)) for start, end in units if start < _FARTHEST]
    judged = (opinion or _shipped()).logits(text, original, looked_at)
    for (start, end), (logit, told) in zip(looked_at, judged, strict=True):
        if logit >= 0:
            what = "is worded like orders to a model"
            if told:
                what += f" ({', '.join(told)})"
            weight = min(1 / (1 + math.exp(-logit)), _SUREST)
            yield Suspicion(start=start, end=end, kind="address", weight=weight, what=what)


@cache
def _shipped() -> Opinion:
    weights: Mapping[str, NDArray[Any]] = Artefact.load(WEIGHTS).weights
    return Opinion(weights["weights"], float(weights["glance"][0]))
