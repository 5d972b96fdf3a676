"""Ours: ask the expert that is surest that it knows, less what it costs.

Besides the topic of a question, an expert can say how likely *it* knows the answer: a calibrated
p_know, read off the closed-book pass by its gate, which the winner's answer goes on from. So

    score(e, q) = c_e(p_know(e, q)) - price_weight * price(e)

where c_e is a curve of each expert (identity until fitted), since gates were calibrated on other
questions than these and experts are compared by their last points.

Asking costs a pass, so experts are asked from cheap to dear, and the next one only while it is
worth its cost (cf. FrugalFoE: Wang et al. 2024, ICLR, arXiv 2310.01542): with b the best score so
far and S what those asked have said,

    ask e  if  E[max(score(e) - b, 0) | S] > asking_weight * price(e)

The expectation is the mean over the labelled questions on which those asked said the nearest to S.
Until fitted it is bounded by what e could bring at most, 1 - price_weight * price(e) - b. With an
`asking_weight` of 0 everybody is asked who could bring anything.

What a gate says that was not fitted for its expert is no probability, and two of them are not of
one scale. Such an expert is worth what it was right on among the labelled questions, which is what
is known of it without its word; where nothing was learned it stands behind all whose word is
calibrated, and its number only orders it among its like. It never keeps others from being asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration import Platt
from rag_router.calibration.platt import logit
from rag_router.component import STRICT
from rag_router.experts.card import Card
from rag_router.experts.routing.base import Choice, Need, RoutingContext
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import OutcomeLesson
from rag_router.experts.routing.prices import relative_prices
from rag_router.experts.routing.ranking import ranked

__all__ = ["SelfKnowledgeRouter"]

_NEAREST: Final = 50
"""Labelled questions that tell what the next expert may say."""

_BEHIND: Final = 2.0
"""How far those stand behind whose word does not count: no price and no word bridges it."""

_LEAST_SLOPE: Final = 0.0
"""A curve never turns what an expert says about itself upside down."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SelfKnowledgeRouter(LearnedExpertRouter):
    """Ask the expert that is surest that it knows, less what it costs.

    Args:
        price_weight: Probability that the dearest candidate must have more than a free one, >= 0.
        experts: Whom it has learned of; set by fitting.
        arrays: What was learned; empty takes every calibrated p_know as it is said.
        asking_weight: Probability that asking the dearest candidate must be expected to bring,
            >= 0. 0 asks everybody.
    """

    asking_weight: Annotated[float, Field(ge=0)] = 0.0

    called: ClassVar[str] = "self_knowledge"
    reads: ClassVar[frozenset[Need]] = frozenset({"p_know"})

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        said = lesson.require_p_know(self.called)
        curves = []
        for right, one in zip(lesson.right.T, said.T, strict=True):
            curve = Platt.fit(logit(one), right >= 0.5)
            # What tells nothing is worth the mean accuracy.
            plain = (0.0, float(logit(right.mean())))
            rises = curve.slopes[0] > _LEAST_SLOPE
            curves.append((curve.slopes[0], curve.intercept) if rises else plain)
        return {"curves": np.array(curves), "said": said, "accuracy": lesson.right.mean(axis=0)}

    def rank(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[tuple[Choice, ...]]:
        names = [card.name for card in cards]
        columns = self.columns(names) if self.fitted else []
        knowing = context.knowing(self.called)
        heard = _Heard.of(len(questions), self._experience(columns), relative_prices(cards))
        order = sorted(range(len(cards)), key=lambda n: (heard.prices[n], n))
        going = np.arange(len(questions))
        for place, n in enumerate(order):
            if place:
                gains = self._gains(heard, going, order[:place], n)
                # The first is asked in any case: somebody has to answer.
                going = going[gains > self.asking_weight * heard.prices[n]]
            if not len(going):
                break
            told = np.asarray(knowing(names[n], going.tolist()), dtype=np.float64)
            heard.asked[going, n], heard.told[going, n] = True, told
            heard.counts[going, n] = context.calibrated(names[n]) & ~np.isnan(told)
            counted = np.where(heard.counts[going, n], told, np.nan)
            known = self._known(counted, columns[n] if columns else None)
            heard.known[going, n] = known
            heard.scores[going, n] = known - self.price_weight * heard.prices[n]
            if columns:
                heard.gaps[going] += (heard.seen[:, n] - known[:, None]) ** 2
        return [self._row(cards, heard, row) for row in range(len(questions))]

    def _known(self, told: NDArray[np.float64], column: int | None) -> NDArray[np.float64]:
        """Put what an expert says of itself through its curve; NaN is what does not count."""
        if column is None:
            return told
        slope, intercept = self.arrays["curves"][column]
        curve = Platt((float(slope),), float(intercept))
        p = curve(logit(np.where(np.isnan(told), 0.5, told)))
        return np.where(np.isnan(told), self.arrays["accuracy"][column], p)

    def _experience(self, columns: Sequence[int]) -> NDArray[np.float64]:
        """What the candidates knew of the labelled questions, shape (labelled, candidates)."""
        if not columns:
            return np.empty((0, 0))
        said = self.arrays["said"]
        return np.stack([self._known(said[:, c], c) for c in columns], axis=1)

    def _gains(
        self, heard: _Heard, going: NDArray[np.int64], asked: Sequence[int], following: int
    ) -> NDArray[np.float64]:
        """Return what the next expert is expected to bring each question, shape (going,)."""
        price = self.price_weight * heard.prices[following]
        # Until somebody's word counts, anything is more than what there is.
        scores = heard.scores[going][:, list(asked)]
        best = np.where(np.isnan(scores), -np.inf, scores).max(axis=1)
        if not len(heard.seen):
            return np.asarray(1.0 - price - best)
        brings = heard.seen[:, following] - price
        return np.array(
            [
                np.maximum(brings[_nearest(heard.gaps[row])] - most, 0.0).mean()
                for row, most in zip(going, best, strict=True)
            ]
        )

    def _row(self, cards: Sequence[Card], heard: _Heard, row: int) -> tuple[Choice, ...]:
        asked, told, counts = heard.asked[row], heard.told[row], heard.counts[row]
        scores = heard.scores[row].copy()
        unknown = asked & np.isnan(scores)
        behind = _BEHIND + self.price_weight if (asked & ~unknown).any() else 0.0
        # Whoever cannot tell at all stands behind those who say something.
        own = np.nan_to_num(told) - self.price_weight * heard.prices
        scores[unknown] = own[unknown] - behind
        # Whom nobody asked comes last, though somebody may still have to answer.
        scores[~asked] = scores[asked].min() - 1.0

        def why(n: int) -> str:
            if not asked[n]:
                return "not asked: it would cost more than it could bring"
            if counts[n]:
                return f"knows with probability {heard.known[row, n]:.2f}"
            silent = bool(np.isnan(told[n]))
            if not unknown[n]:
                right = f"right on {heard.known[row, n]:.2f} of what was learned from"
                return f"{right}: {'it cannot tell more' if silent else 'its gate is not fitted'}"
            if silent:
                return "cannot tell what it knows"
            said = f"says {told[n]:.2f}, but its gate is not fitted"
            return f"{said}: it comes after those whose is" if behind else said

        return ranked(cards, [float(score) for score in scores], why)


def _nearest(gaps: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of the smallest gaps, of equal ones the first; sorting all of them takes longer."""
    if len(gaps) <= _NEAREST:
        return np.arange(len(gaps))
    close = np.flatnonzero(gaps <= np.partition(gaps, _NEAREST - 1)[_NEAREST - 1])
    return np.asarray(close[np.argsort(gaps[close], kind="stable")[:_NEAREST]])


@plain_dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """What has been said so far about a batch of questions; NaN where nobody was asked.

    Attributes:
        seen: What candidates knew of labelled questions, shape (labelled, candidates); none until
            fitted.
        prices: Of the candidates, in [0, 1], shape (candidates,).
        asked: Who was asked, shape (questions, candidates).
        told: What each said, of the same shape.
        counts: Whose word is calibrated.
        known: How likely each knows; NaN where nothing tells.
        scores: The same, less what each costs.
        gaps: How far labelled questions lie from each question by what those asked have said,
            squared, shape (questions, labelled).
    """

    seen: NDArray[np.float64]
    prices: NDArray[np.float64]
    asked: NDArray[np.bool_]
    told: NDArray[np.float64]
    counts: NDArray[np.bool_]
    known: NDArray[np.float64]
    scores: NDArray[np.float64]
    gaps: NDArray[np.float64]

    @classmethod
    def of(cls, questions: int, seen: NDArray[np.float64], prices: NDArray[np.float64]) -> _Heard:
        """Begin with nothing heard."""
        nothing = np.full((questions, len(prices)), np.nan)
        nobody = np.zeros(nothing.shape, dtype=np.bool_)
        return cls(
            seen=seen,
            prices=prices,
            asked=nobody,
            told=nothing,
            counts=nobody.copy(),
            known=nothing.copy(),
            scores=nothing.copy(),
            gaps=np.zeros((questions, len(seen))),
        )
