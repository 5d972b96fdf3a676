"""How rare words are in general, for passages that no index has counted.

Document frequencies are kept by the hash of a term, so that a table of fixed size serves any
vocabulary (the hashing trick, Weinberger et al. 2009, arXiv 0902.2206); two terms that share a
place look as frequent as both together. With N passages counted,

    idf(t) = ln((N + 1) / (df(t) + 1/2)),

as `rag_router.indices.reach` weighs terms, kept in steps of 1/16.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rarity"]

_PLACES: Final = 1 << 17
_STEP: Final = 1 / 16
_UNCOUNTED: Final = 6.0
"""What a term is worth where nothing was counted."""


@dataclass(frozen=True, slots=True)
class Rarity:
    """The idf of terms, in [0, 16).

    Attributes:
        steps: The idf in sixteenths by the term's hash, shape (places,), or of no place at all.
    """

    steps: NDArray[np.uint8]

    def __call__(self, term: str) -> float:
        """Return what a term is worth, as `rag_router.indices.terms.terms_of` makes terms."""
        if not len(self.steps):
            return _UNCOUNTED
        return int(self.steps[crc32(term.encode()) % len(self.steps)]) * _STEP

    @classmethod
    def none(cls) -> Rarity:
        """A table that knows nothing: all terms are worth the same."""
        return cls(np.zeros(0, dtype=np.uint8))

    @classmethod
    def of(cls, passages: Iterable[Iterable[str]]) -> Rarity:
        """Count in how many passages each term stands.

        Args:
            passages: The terms of each; repeated ones count once.
        """
        counts: Counter[int] = Counter()
        size = 0
        for terms in passages:
            counts.update(crc32(term.encode()) % _PLACES for term in set(terms))
            size += 1
        frequency = np.zeros(_PLACES)
        frequency[list(counts.keys())] = list(counts.values())
        idf = np.log((size + 1) / (frequency + 0.5))
        return cls(np.clip(np.rint(idf / _STEP), 0, math.floor(255)).astype(np.uint8))
