"""A memory of questions and answers: what was answered before need not be answered again.

Lewis et al. 2021, "PAQ: 65 million probably-asked questions and what you can do with them"
(arXiv 2102.07033): the nearest stored question's answer is given where it is near enough, and a
slower system is asked where it is not. Between the two thresholds the pair is passed on to be
read. How near is near enough is told by labelled questions, of which the nearest stored answer
was right or wrong:

    a threshold is the least similarity t such that, of the n questions with similarity >= t, the
    share of right ones is at least the target at this confidence (Wilson 1927,
    doi 10.1080/01621459.1927.10502953, lower bound)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.calibration import Platt
from rag_router.errors import DataError, SettingsError
from rag_router.indices.index import Index
from rag_router.scoring import alias_match
from rag_router.types import Passage

__all__ = ["Outcome", "QaMemory", "Recollection", "Thresholds", "fit_thresholds", "wilson_lower"]

Outcome = Literal["serve", "pass_on", "fall_through"]
"""Give the stored answer, let it be read along with its passage, or look elsewhere."""

SERVE: Final = 0.99
PASS_ON: Final = 0.85
"""Without labelled questions, only what is asked in the same words is served: of 640 questions of
people, the nearest of 8,788 others was right in 63 % of those as similar as 0.95."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From which cosine on a stored pair is good for what; above 1 it never is.

    Attributes:
        serve: At least that similar, its answer is given as it is.
        pass_on: At least that similar, it is passed on to be read; no more than `serve`.
        served: Share of the labelled questions that would be served, and of these that are right;
            None where nothing was labelled.
        passed_on: The same of those that would be passed on.
        curve: Slope and intercept of the log-odds that a pair of a similarity answers rightly
            (Platt 1999); None where nothing was learned.
    """

    serve: float = SERVE
    pass_on: float = PASS_ON
    served: tuple[float, float] | None = None
    passed_on: tuple[float, float] | None = None
    curve: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.pass_on <= self.serve:
            raise SettingsError(
                f"pairs are served from {self.serve} on, and passed on from {self.pass_on}.",
                hint="The threshold of passing on is the lower one.",
            )

    def outcome(self, similarity: float) -> Outcome:
        """Say what a pair of this similarity is good for."""
        if similarity >= self.serve:
            return "serve"
        return "pass_on" if similarity >= self.pass_on else "fall_through"

    def p_right(self, similarity: float) -> float:
        """Return P(the answer of a pair of this similarity is right); the cosine where unfitted."""
        if self.curve is None:
            return min(max(similarity, 0.0), 1.0)
        slope, intercept = self.curve
        return float(Platt((slope,), intercept)([similarity])[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """What a memory has to say to a question.

    Attributes:
        outcome: What it is good for.
        pair: The nearest stored pair: its title is the question, `meta["answer"]` the answer;
            None in an empty memory.
        similarity: Cosine of both questions.
    """

    outcome: Outcome
    pair: Passage | None = None
    similarity: float = -1.0

    @property
    def answer(self) -> str | None:
        """The answer to give; None where none is to be given as it is."""
        if self.outcome != "serve" or self.pair is None:
            return None
        return str(self.pair.meta["answer"])


class QaMemory:
    """An index of pairs, asked for the one nearest to a question.

    Args:
        index: Built by `Library.remember`.
        thresholds: When its answers are given.

    Raises:
        SettingsError: the index holds documents, not pairs.
    """

    def __init__(self, index: Index, thresholds: Thresholds | None = None) -> None:
        if index.searched != "title":
            raise SettingsError(
                f"index {index.name!r} holds documents, and not questions with answers.",
                hint="Make a memory: rag-router index remember NAME PATH",
            )
        self.index = index
        self.thresholds = thresholds or Thresholds()

    def recall(self, vectors: NDArray[np.float32]) -> list[Recollection]:
        """Return for each question what the memory has to say.

        Args:
            vectors: Embeddings of unit length, shape (questions, dimension).
        """
        scores, rows = self.index.search_vectors(vectors, 1)
        if not rows.shape[1]:
            return [Recollection(outcome="fall_through") for _ in vectors]
        pairs = self.index.passages(rows[:, 0].tolist())
        near = [float(score) for score in np.clip(scores[:, 0], -1.0, 1.0)]
        return [
            Recollection(outcome=self.thresholds.outcome(s), pair=pair, similarity=s)
            for pair, s in zip(pairs, near, strict=True)
        ]

    def judged(
        self, vectors: NDArray[np.float32], answers: Sequence[Sequence[str]]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return how similar the nearest pair of each labelled question is, and if it is right.

        Args:
            vectors: Embeddings of the questions.
            answers: What is accepted for each.
        """
        found = self.recall(vectors)
        right = [
            one.pair is not None and alias_match(str(one.pair.meta["answer"]), accepted)
            for one, accepted in zip(found, answers, strict=True)
        ]
        return np.array([one.similarity for one in found]), np.array(right, dtype=bool)


def fit_thresholds(
    similarities: ArrayLike,
    right: ArrayLike,
    *,
    serve_precision: float = 0.95,
    pass_precision: float = 0.5,
    confidence: float = 0.9,
) -> Thresholds:
    """Choose thresholds for target precisions, from labelled questions.

    Args:
        similarities: Of the nearest pair of each question.
        right: Whether its answer is right.
        serve_precision: Share of served answers that are to be right, in (0, 1).
        pass_precision: The same of pairs that are passed on or served, no higher.
        confidence: How sure each of both shares is to be, in (0.5, 1).

    Raises:
        DataError: there is nothing to choose by.
        SettingsError: a target is impossible.
    """
    for what, value, least in (
        ("serve_precision", serve_precision, 0.0),
        ("pass_precision", pass_precision, 0.0),
        ("confidence", confidence, 0.5),
    ):
        if not least < value < 1:
            raise SettingsError(f"{what} is {value}.", hint=f"It lies between {least:g} and 1.")
    if pass_precision > serve_precision:
        raise SettingsError(
            f"what is passed on is to be right in {pass_precision:.0%}, more than the "
            f"{serve_precision:.0%} of what is served.",
            hint="What is only read along may be wrong more often.",
        )
    similar = np.asarray(similarities, dtype=np.float64).reshape(-1)
    hits = np.asarray(right, dtype=bool).reshape(-1)
    if not len(similar) or similar.shape != hits.shape or not np.isfinite(similar).all():
        raise DataError(
            f"thresholds cannot be chosen by {similar.size} similarities and {hits.size} labels.",
            hint="Give labelled questions, one similarity and one label each.",
        )
    serve = _least(similar, hits, serve_precision, confidence)
    pass_on = min(serve, _least(similar, hits, pass_precision, confidence))
    return Thresholds(
        serve=serve,
        pass_on=pass_on,
        served=_figures(similar, hits, serve),
        passed_on=_figures(similar, hits, pass_on),
        curve=_curve(similar, hits),
    )


def wilson_lower(right: int, count: int, confidence: float) -> float:
    """Return what the share of right ones is at least, at this one-sided confidence."""
    if count == 0:
        return 0.0
    z = NormalDist().inv_cdf(confidence)
    share = right / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - spread) / (1 + z * z / count)


_NEVER: Final = 2.0
"""No cosine reaches it."""


def _least(
    similar: NDArray[np.float64], right: NDArray[np.bool_], target: float, confidence: float
) -> float:
    least = _NEVER
    # Equal similarities stand or fall together.
    for threshold in np.unique(similar)[::-1]:
        above = similar >= threshold
        if wilson_lower(int(right[above].sum()), int(above.sum()), confidence) >= target:
            least = float(threshold)
    return least


def _curve(similar: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float] | None:
    # Where all are right, or all wrong, nothing tells how the one turns into the other.
    if right.all() or not right.any():
        return None
    fitted = Platt.fit(similar, right)
    return fitted.slopes[0], fitted.intercept


def _figures(
    similar: NDArray[np.float64], right: NDArray[np.bool_], threshold: float
) -> tuple[float, float]:
    above = similar >= threshold
    if not above.any():
        return 0.0, 0.0
    return float(above.mean()), float(right[above].mean())
