"""Which answers does a model hold to, given how often it gave each? The tests of KScope.

Xiao et al. 2025, "KScope" (arXiv 2506.07458), and its released code. Of N sampled answers some
refuse and n_1..n_m give m different answers. At level a:

1. *Refusal*, one-sided binomial: nothing is known if the refusals are at least the k of
   P(X > k) <= a, X ~ Binomial(N, 1/2), as released (58 of 100; P(X >= k) <= a would be 59).
2. *Random guess*, exact multinomial: nothing is known if the counts may well be uniform, that is,
   if outcomes no likelier than this one have a probability above a together.
3. *Pruning*: while more than two answers are left, test for each whether it is rarer than the
   others, which are all equally likely (p = (1 - n_j/n) / (m - 1) each), against all being so:

       lambda_j = 2 [ n log m + (n - n_j) log p + n_j log(n_j / n) ]  ~  chi-square, 1 degree

   and drop the one of greatest lambda_j among those significant at a/m.
4. *No conflict*: of two answers left, one stays if it is above one half, one-sided at a/2.

Differences. The released lambda_j has log(1 - p) where its hypothesis needs log(n_j / n); they
agree for m = 2 only, and counts 30/30/30 are given 41.6 in place of 0 (`released=True` does as
released). A single answer is uniform over itself, which the released code calls a random guess;
here it is held to. Their samples are drawn by 20 paraphrases of the question; ours by one wording.

All tests are written out, so that no library of statistics is needed to answer a question.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["modes_of", "pruning_statistics", "refuses", "uniform_p_value"]

_SAME: Final = 1e-9
"""Logarithms of two probabilities nearer than this are those of equally likely outcomes."""


def modes_of(
    counts: Sequence[int], refusals: int = 0, *, level: float = 0.05, released: bool = False
) -> tuple[int, ...]:
    """Find the answers that a model holds to.

    Args:
        counts: How often each answer was given, all > 0.
        refusals: How often none was.
        level: Of every test, in (0, 1).
        released: Prune by the statistic of the released code.

    Returns:
        Positions in `counts`: none where nothing is known, one where the model is consistent,
        several where its answers are in conflict.
    """
    if not counts or refuses(refusals, sum(counts) + refusals, level=level):
        return ()
    if len(counts) > 1 and uniform_p_value(counts) > level:
        return ()
    left = _prune(counts, level, released=released)
    if len(left) == 2:
        left = _settle(left, counts, level)
    return tuple(left)


def refuses(refusals: int, samples: int, *, level: float = 0.05) -> bool:
    """Whether most answers are refusals, beyond chance."""
    return refusals >= _most_by_chance(samples, level)


def uniform_p_value(counts: Sequence[int]) -> float:
    """Probability, if all answers are equally likely, of an outcome no likelier than this one.

    Exact, by way of all outcomes up to their order; meant for at most some fifty samples, or few
    answers.
    """
    logs, mass = _uniform(sum(counts), len(counts))
    seen = -sum(math.lgamma(n + 1) for n in counts)
    return float(min(mass[logs <= seen + _SAME].sum(), 1.0))


def pruning_statistics(counts: Sequence[int], *, released: bool = False) -> list[float]:
    """lambda_j of every answer: twice the log-likelihood ratio of one odd answer to none."""
    n, m = sum(counts), len(counts)
    found = []
    for own in counts:
        p = (1 - own / n) / (m - 1)
        odd = 1 - p if released else own / n
        found.append(2 * (n * math.log(m) + _times_log(n - own, p) + _times_log(own, odd)))
    return found


def _prune(counts: Sequence[int], level: float, *, released: bool) -> list[int]:
    left = list(range(len(counts)))
    while len(left) > 2:
        some = [counts[at] for at in left]
        n, m = sum(some), len(some)
        statistics = pruning_statistics(some, released=released)
        rarer = [
            at
            for at, statistic in enumerate(statistics)
            if (1 - some[at] / n) / (m - 1) > 1 / m and _chi_square_tail(statistic) < level / m
        ]
        if not rarer or max(some) == min(some):
            break
        left.pop(max(rarer, key=statistics.__getitem__))
    return left


def _settle(left: Sequence[int], counts: Sequence[int], level: float) -> list[int]:
    """Keep the one of two answers that is above one half, or both where neither is."""
    n = sum(counts[at] for at in left)
    above = [at for at in left if _above(counts[at], n) < level / 2]
    return above or list(left)


@lru_cache(maxsize=256)
def _most_by_chance(n: int, level: float) -> int:
    """Return the least k of P(X > k) <= level for X ~ Binomial(n, 1/2)."""
    return next(k for k in range(n + 1) if _above(k + 1, n) <= level)


def _above(k: int, n: int) -> float:
    """P(X >= k) for X ~ Binomial(n, 1/2)."""
    return float(sum(math.comb(n, i) for i in range(max(k, 0), n + 1)) / 2**n)


def _chi_square_tail(value: float) -> float:
    """P(X > value) for a chi-square X with one degree of freedom."""
    return math.erfc(math.sqrt(max(value, 0.0) / 2))


def _times_log(count: int, p: float) -> float:
    return count * math.log(p) if count else 0.0


@lru_cache(maxsize=256)
def _uniform(n: int, m: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All outcomes of n draws from m equally likely answers, up to their order.

    Returns:
        The varying part of the logarithm of each outcome's probability, -sum log n_i!, and the
        probability of all its orders together.
    """
    logs, mass = [], []
    fixed = math.lgamma(n + 1) - n * math.log(m)
    for parts in _partitions(n, m, n):
        own = -sum(math.lgamma(part + 1) for part in parts)
        # Orders: m! over the factorials of how many answers share a count, those of none too.
        shared = [parts.count(part) for part in dict.fromkeys(parts)] + [m - len(parts)]
        orders = math.lgamma(m + 1) - sum(math.lgamma(some + 1) for some in shared)
        logs.append(own)
        mass.append(math.exp(fixed + own + orders))
    return np.array(logs), np.array(mass)


def _partitions(n: int, most_parts: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Write n as a sum of at most so many positive numbers, none larger, in falling order."""
    if n == 0:
        yield ()
    elif most_parts:
        for first in range(min(n, largest), 0, -1):
            if first * most_parts < n:
                break
            for rest in _partitions(n - first, most_parts - 1, first):
                yield (first, *rest)
