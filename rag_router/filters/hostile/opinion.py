"""A second opinion beside the rules: how a sentence that gives orders to a model is worded.

Rules know the wordings that somebody thought of. A linear model on the words of a sentence was
fitted to attacks and to honest sentences (`benchmarks.fit_instructions`), and its sum is

    b  +  s / sqrt(words) * sum of hashed features  +  sum of features made by hand

as logits, with the threshold taken off: at 0 a sentence is as suspicious as one plain order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

import rag_router.fitted
from rag_router.artefacts import Artefact
from rag_router.filters.hostile.suspicion import Suspicion
from rag_router.filters.hostile.units import unit_spans
from rag_router.filters.hostile.wording import (
    BITS,
    HASHED,
    bits_of,
    hand_features,
    lead_bits,
    pairs_of,
    signs_of,
    tokens_of,
    word_code,
    word_pieces,
)

__all__ = ["LEAST_WORDS", "Opinion", "find_wordings"]

LEAST_WORDS: Final = 4
"""Shorter sentences count as long as this."""
_WINDOW: Final = 60
_MOST_WORDS: Final = 8000
"""Of one text; no passage that fits a prompt has as many."""
_MOST_KEPT: Final = 100_000
_TOLD: Final = 3


class Opinion:
    """What the words of a sentence say of its purpose.

    Args:
        weights: Of each feature (`rag_router.filters.hostile.wording`), with the threshold in the
            intercept, and the intercept behind them.
    """

    def __init__(self, weights: NDArray[Any]) -> None:
        self._weights: list[float] = weights[:-1].tolist()
        self._intercept = float(weights[-1])
        self._words = _Words(self._weights[:HASHED])
        hand = self._weights[HASHED:]
        self._most = self._intercept + sum(weight for weight in hand if weight > 0)

    def logit(
        self, text: str, original: str, start: int, end: int, *, least: float = 0.0
    ) -> tuple[float, tuple[str, ...]]:
        """Return how suspicious a sentence is, 0 at the threshold, and by what it is so most.

        Args:
            text: Folded.
            original: As long as that, with its capitals.
            start: Where the sentence begins.
            end: Where it ends.
            least: Logits below it need not be exact, and are then too high.
        """
        tokens = tokens_of(text, start, end)
        if len(tokens) <= _WINDOW:
            return self._windowed(tokens, original[start:end], least)
        pieces = range(0, len(tokens), _WINDOW // 2)
        signs = original[start:end]
        return max(self._windowed(tokens[at : at + _WINDOW], signs, least) for at in pieces)

    def _windowed(
        self, tokens: list[str], original: str, least: float
    ) -> tuple[float, tuple[str, ...]]:
        known = [self._words[token] for token in tokens]
        weights = self._weights
        hashed = sum(one[0] for one in known)
        hashed += sum(weights[pair] for pair in pairs_of([one[1] for one in known]))
        hashed /= math.sqrt(max(len(tokens), LEAST_WORDS))
        # Whatever else it holds, it could not come up to the threshold.
        if hashed + self._most < least:
            return hashed + self._most, ()
        bits = [one[2] for one in known]
        there = signs_of(original)
        for one in bits:
            there |= one
        lead = lead_bits(tokens, bits)
        logit = hashed + self._intercept
        for feature in hand_features(there, lead):
            logit += weights[feature]
        return logit, self._told(there, lead) if logit >= 0 else ()

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


class _Words(dict[str, tuple[float, int, int]]):
    """For each word what it adds by itself, its code and its classes, worked out when met."""

    def __init__(self, weights: list[float]) -> None:
        super().__init__()
        self._weights = weights

    def __missing__(self, word: str) -> tuple[float, int, int]:
        if len(self) >= _MOST_KEPT:
            self.clear()
        adds = sum(self._weights[piece] for piece in word_pieces(word))
        self[word] = known = (adds, word_code(word), bits_of(word))
        return known


def find_wordings(
    text: str, original: str, opinion: Opinion | None = None
) -> Iterator[Suspicion]:
    """Find sentences that are worded like orders to a model.

    Args:
        text: Folded.
        original: As long as that, with its capitals.
        opinion: What judges; by default the one that is shipped.
    """
    opinion = opinion or _shipped()
    left = _MOST_WORDS * 5
    for start, end in unit_spans(original):
        if left <= 0:
            return
        logit, told = opinion.logit(text, original, start, min(end, start + left))
        left -= end - start
        if logit >= 0:
            what = "is worded like orders to a model"
            if told:
                what += f" ({', '.join(told)})"
            weight = 1 / (1 + math.exp(-logit))
            yield Suspicion(start=start, end=end, kind="address", weight=weight, what=what)


@cache
def _shipped() -> Opinion:
    folder = Path(rag_router.fitted.__file__).parent / "filter--instructions--wording"
    weights: Mapping[str, NDArray[Any]] = Artefact.load(folder).weights
    return Opinion(weights["weights"])
