"""How far an index reaches: can it hold what a question asks for? Told by its terms, unsearched.

Pre-retrieval predictors look at term statistics only (Hauff et al. 2008, "A survey of pre-retrieval
query performance predictors", doi 10.1145/1458082.1458311). Of a question with distinct terms T,
document frequencies df(t) among N passages, and idf(t) = ln((N + 1) / max(df(t), 1/2)),

    present     sum of idf over terms that the index holds, by the sum over all
    mean, max   idf over T, by ln(2 N + 2), the idf of a term that it lacks
    pair        the largest pointwise mutual information of two of the three rarest terms that it
                holds, max(0, ln(N df(s, t) / (df(s) df(t)))), by ln(N + 1)
    together    the largest share of the idf over T that one passage holds, among those with the
                rarest term that it holds

A name that the index lacks shows at once: its words are rare, and stand together nowhere. No
passage is scored, read or fetched; it takes lookups in the lists of a few terms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reach", "reach_of"]

_RAREST: Final = 3


class Reach(NamedTuple):
    """How far an index reaches for one question; each in [0, 1], and 0 where it holds nothing."""

    present: float = 0.0
    mean_idf: float = 0.0
    max_idf: float = 0.0
    pair: float = 0.0
    together: float = 0.0


def reach_of(
    terms: Sequence[str], rows: Mapping[str, NDArray[np.integer[Any]]], passages: int
) -> Reach:
    """Work out how far an index reaches.

    Args:
        terms: Of the question; repeated ones count once.
        rows: For each of them that the index holds, the passages with it, ascending.
        passages: How many passages there are.
    """
    asked = list(dict.fromkeys(terms))
    if not asked or not passages:
        return Reach()
    lacked = math.log((passages + 1) / 0.5)
    idf = {t: math.log((passages + 1) / len(rows[t])) if t in rows else lacked for t in asked}
    total = sum(idf.values())
    held = sorted((t for t in asked if t in rows), key=lambda t: (-idf[t], t))
    if not held or not total:
        return Reach(mean_idf=total / len(asked) / lacked, max_idf=max(idf.values()) / lacked)
    return Reach(
        present=sum(idf[t] for t in held) / total,
        mean_idf=total / len(asked) / lacked,
        max_idf=max(idf.values()) / lacked,
        pair=_pair(held[:_RAREST], rows, passages),
        together=_together(held, idf, rows) / total,
    )


def _pair(
    terms: Sequence[str], rows: Mapping[str, NDArray[np.integer[Any]]], passages: int
) -> float:
    best = 0.0
    for one, other in combinations(terms, 2):
        shared = len(np.intersect1d(rows[one], rows[other], assume_unique=True))
        if shared:
            gained = math.log(passages * shared / (len(rows[one]) * len(rows[other])))
            best = max(best, gained / math.log(passages + 1))
    return best


def _together(
    held: Sequence[str], idf: Mapping[str, float], rows: Mapping[str, NDArray[np.integer[Any]]]
) -> float:
    where = rows[held[0]]
    share = np.full(len(where), idf[held[0]])
    for term in held[1:]:
        share += idf[term] * np.isin(where, rows[term], assume_unique=True)
    return float(share.max())
