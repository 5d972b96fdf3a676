"""P(the kept passages together contain the answer), not only the best of them.

Three figures of the k passages that the filters before kept, with the supports s that they gave:

    x1 = logit(max s)        x2 = logit(1 - prod (1 - s))        x3 = ln k

and where the generator answers from each passage alone, two of what n of them answer (RobustRAG's
keyword votes, Xiang et al. 2024, arXiv 2405.15556):

    x4 = largest vote / k    x5 = n / k

A logistic curve over them (Platt 1999) is the probability. That many passages each give the same
answer is no proof, but where supports are level it is what tells. Without a curve nothing is
concluded, and the support of the evidence stays that of its best passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Final, Self

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt, logit
from rag_router.component import STRICT
from rag_router.errors import ArtefactError
from rag_router.filters.alone import said_alone
from rag_router.filters.base import Concluded, FilterContext
from rag_router.filters.learned_of import Owner
from rag_router.filters.votes import count_votes
from rag_router.signals.base import Requirements
from rag_router.types import Judged

__all__ = ["SufficiencyFilter"]

_OF_SUPPORTS: Final = 3
_OF_ANSWERS: Final = 2


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SufficiencyFilter:
    """Say how likely the kept passages hold the answer, all together; drop none.

    Stands last in the chain: what it concludes holds for the passages that are kept there.

    Args:
        answers: Whether the generator answers from each passage alone; dear.
        passages: Most passages that are read alone, >= 1.
        curve: Slopes of the figures and the intercept; empty until fitted.
    """

    answers: bool = False
    passages: Annotated[int, Field(ge=1)] = 10
    curve: tuple[float, ...] = ()

    asks: ClassVar[str] = "nothing, or an answer for each passage"

    @property
    def requires(self) -> Requirements:
        """What the generator must show: nothing, unless it is to answer."""
        return Requirements(abilities=frozenset({"logits"} if self.answers else ()))

    @property
    def fitted(self) -> bool:
        return bool(self.curve)

    @property
    def learned_of(self) -> Owner:
        """Whose figures the curve is over."""
        return "generator" if self.answers else "embedder"

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        del questions, context
        return [list(line) for line in judged]

    def conclude(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[Concluded]:
        """Return the passages as they are, with the support of all that are kept."""
        # Without a curve the answers would be paid for and not used.
        figures = self.figures(questions, judged, context) if self.curve else [None] * len(judged)
        return [
            Concluded(tuple(line), support=None if one is None else self.support(one))
            for line, one in zip(judged, figures, strict=True)
        ]

    def figures(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[tuple[float, ...] | None]:
        """Read the figures off the passages of each question.

        None where no passage is kept, or no filter before said how likely any of them helps.
        """
        said = (
            said_alone(questions, judged, context, name="sufficiency", most=self.passages)
            if self.answers
            else [{} for _ in judged]
        )
        return [self._figures(line, one) for line, one in zip(judged, said, strict=True)]

    def support(self, figures: Sequence[float]) -> float:
        """P(the passages together hold the answer), in [0, 1].

        Raises:
            ValueError: the filter is not fitted, or to other figures.
        """
        if len(figures) + 1 != len(self.curve):
            raise ValueError(f"{len(figures)} figures and a curve of {len(self.curve)} numbers.")
        return float(Platt(self.curve[:-1], self.curve[-1])(figures)[0])

    def fit(self, figures: Sequence[Sequence[float]], holds: Sequence[bool]) -> Self:
        """Return this filter with a curve fitted to questions whose passages are known.

        Args:
            figures: Of each question.
            holds: Whether any of its kept passages holds an accepted answer.

        Raises:
            DataError: only one class is there.
        """
        # Best support and support of all hardly differ where one is kept; a ridge shares it out.
        platt = Platt.fit(np.asarray(figures, dtype=np.float64), holds, penalty=1e-3)
        return replace(self, curve=(*platt.slopes, platt.intercept))

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was learned beside its card."""
        return Artefact(card=card, weights={"curve": np.asarray(self.curve, dtype=np.float64)})

    def with_artefact(self, artefact: Artefact) -> SufficiencyFilter:
        """Return it as it was fitted.

        Raises:
            ArtefactError: it was fitted with answers from each passage and is set without, or the
                other way round.
        """
        curve = tuple(float(c) for c in artefact.weights["curve"])
        wanted = _OF_SUPPORTS + (_OF_ANSWERS if self.answers else 0) + 1
        if len(curve) != wanted:
            raise ArtefactError(
                f"sufficiency with answers = {str(self.answers).lower()} needs a curve of "
                f"{wanted} numbers, and this one was fitted with {len(curve)}.",
                hint="Set answers as it was fitted, or fit it as it is set.",
            )
        return replace(self, curve=curve)

    def _figures(self, line: Sequence[Judged], said: dict[int, str]) -> tuple[float, ...] | None:
        kept = [one for one in line if one.kept]
        supports = np.array([one.support for one in kept if one.support is not None])
        if not supports.size:
            return None
        of_supports = (
            float(logit(supports.max())),
            float(logit(1 - np.prod(1 - supports))),
            float(np.log(len(kept))),
        )
        if not self.answers:
            return of_supports
        vote = count_votes(list(said.values()))
        return (*of_supports, vote.best / len(kept), vote.answering / len(kept))
