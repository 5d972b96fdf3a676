"""Lexical search by BM25+, over postings that rank-bm25 or bm25s worked out.

The formula stands in `rag_router.indices.postings`. A query costs the lists of its own terms and
one look over the scores, never a look at each passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.indices.postings import Postings
from rag_router.indices.postings_large import postings_by_bm25s
from rag_router.indices.postings_small import postings_by_rank_bm25
from rag_router.indices.reach import Reach, reach_of
from rag_router.indices.terms import stems_of, terms_of, words_of

__all__ = ["LexicalIndex", "TermHit"]

SMALL: Final = 20_000
"""Up to so many passages rank-bm25 counts them; it is slower beyond, and bm25s does."""


@dataclass(frozen=True, slots=True)
class TermHit:
    """A passage that shares terms with a query.

    Attributes:
        row: The passage's row.
        score: BM25+, above zero.
        terms: The shared terms as the query has them, in its order, endings and all.
    """

    row: int
    score: float
    terms: tuple[str, ...]


class LexicalIndex:
    """Passages by the terms they hold; never changed once built.

    Args:
        texts: What to search; the place of a text is its row.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.postings = _postings([terms_of(text) for text in texts])

    @classmethod
    def of(cls, postings: Postings) -> LexicalIndex:
        """Search postings that were worked out before."""
        index = cls([])
        index.postings = postings
        return index

    def search(self, text: str, k: int, allowed: NDArray[np.bool_] | None = None) -> list[TermHit]:
        """Return the best `k` passages that share a term, ties in the order of the passages.

        Args:
            text: The query.
            k: How many; fewer come back where fewer share a term.
            allowed: For each row whether it may be found; None allows all. What terms are worth
                is counted in all passages, allowed or not.
        """
        words = words_of(text)
        stems = stems_of(words)
        rows, scores = self.best(stems, k, allowed)
        asked: dict[int, str] = {}
        for stem, word in zip(stems, words, strict=True):
            if (number := self.postings.numbers.get(stem)) is not None:
                asked.setdefault(number, word)
        return [
            TermHit(row, score, tuple(w for n, w in asked.items() if self.postings.holds(n, row)))
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
        ]

    def best(
        self, terms: Sequence[str], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return rows and scores of the best `k` passages for terms as `terms_of` makes them."""
        postings = self.postings
        scores = np.zeros(postings.size, dtype=np.float32)
        numbers = postings.known(terms)
        for number in numbers:
            part = slice(*postings.starts[number : number + 2].tolist())
            scores[postings.rows[part]] += postings.scores[part]
        if allowed is not None:
            scores *= allowed
        bar = _bar(scores, [postings.rows_of(number) for number in set(numbers)], k)
        found = np.flatnonzero(scores >= bar) if bar > 0 else np.flatnonzero(scores)
        # Stable, so that ties stay in the order of the passages.
        found = found[np.argsort(-scores[found], kind="stable")][:k]
        return found, scores[found]

    def reach(self, text: str) -> Reach:
        """Tell how far the passages reach for a question, by term statistics alone."""
        terms = terms_of(text)
        numbers = {t: n for t in terms if (n := self.postings.numbers.get(t)) is not None}
        rows = {term: self.postings.rows_of(number) for term, number in numbers.items()}
        return reach_of(terms, rows, self.postings.size)


def _bar(scores: NDArray[np.float32], lists: Sequence[NDArray[np.int32]], k: int) -> float:
    """Return a score that the `k` best reach: that of the k-th best with the rarest term.

    Of lists long enough to tell, the shortest is taken; 0 where there is none.
    """
    long_enough = [rows for rows in lists if len(rows) >= k > 0]
    if not long_enough:
        return 0.0
    rows = min(long_enough, key=len)
    some = scores[rows]
    return float(np.partition(some, len(some) - k)[len(some) - k])


def _postings(tokenised: Sequence[Sequence[str]]) -> Postings:
    # Both libraries divide by the number of passages and by their mean length.
    if not any(tokenised):
        return Postings.empty(len(tokenised))
    if len(tokenised) <= SMALL:
        return postings_by_rank_bm25(tokenised)
    return postings_by_bm25s(tokenised)
