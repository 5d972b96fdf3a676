"""What filters share that read one figure off a passage and turn it into P(helpful).

A figure such as a log-odds, a cosine or a sum of bits ranks passages, and says nothing about how
many of them help. A logistic curve (Platt 1999, "Probabilistic outputs for support vector
machines") over it,

    support = 1 / (1 + exp(-(intercept + slope * figure))),

fitted to passages that are known to help or not, does. Until then the support is sigmoid(figure):
it ranks and means nothing, so nothing is dropped for it unless somebody sets `min_support`.

Sign convention: the higher the figure, the more helpful the passage; NaN is for nothing to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt
from rag_router.component import STRICT
from rag_router.errors import ArtefactError
from rag_router.filters.base import FilterContext
from rag_router.types import Judged

__all__ = ["MIN_SUPPORT", "ScoredFilter"]

MIN_SUPPORT: Final = 0.1
"""Where the passages of a fitted filter end to be read, unless something else was said."""

_KEPT_AS: Final = "inquiry"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScoredFilter:
    """A logistic curve over one figure for each passage; subclasses say which figure.

    Args:
        min_support: Drop below this probability, in [0, 1]. None takes the fitted one, or 0.1;
            without a curve it drops nothing.
        curve: Slope and intercept from figure to log-odds; empty until fitted.
    """

    min_support: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    curve: tuple[float, float] | tuple[()] = ()

    options_kept: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that change what the figure means; an artefact brings them back."""

    asks: ClassVar[str] = ""
    """What it costs, in words, where it asks a model."""

    learned_of: ClassVar[Literal["embedder", "generator", "own"]] = "embedder"
    """Whose figures these are; what is learned about them is bound to that model."""

    wording: ClassVar[str] = ""
    """Fingerprint of what a model is asked, where the figure depends on it."""

    nothing_to_say: ClassVar[str] = "nothing is known to judge it by"
    """Why a passage is kept that has no figure."""

    @property
    def fitted(self) -> bool:
        return bool(self.curve)

    def raw(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[float]]:
        """Read a figure off each passage, the higher the more helpful.

        NaN stands for passages that are not kept any more, and where there is nothing to say.
        """
        raise NotImplementedError

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        return [
            [self.settled(one, figure) for one, figure in zip(line, figures, strict=True)]
            for line, figures in zip(judged, self.raw(questions, judged, context), strict=True)
        ]

    def support(self, figure: float) -> float:
        """P(a passage of this figure helps), in [0, 1]; without a curve it only ranks."""
        if not self.curve:
            return _sigmoid(figure)
        return float(Platt((self.curve[0],), self.curve[1])(figure)[0])

    def settled(self, one: Judged, figure: float) -> Judged:
        """Keep or drop a passage by its figure; what is dropped already stays as it is."""
        if not one.kept:
            return one
        if math.isnan(figure):
            return replace(one, why=f"kept: {self.nothing_to_say}")
        support, least = self.support(figure), self._least
        kept = support >= least
        why = f"support {support:.2f} {'reaches' if kept else 'is below'} {least:.2f}"
        if not self.fitted:
            why += ", not calibrated"
            # What only ranks does not take the place of what an earlier filter has calibrated.
            support = support if one.support is None else one.support
        return replace(one, kept=kept, support=support, why=f"{self.described(figure)}; {why}")

    def described(self, figure: float) -> str:
        """Say in words what the figure is."""
        return f"figure {figure:.2f}"

    def fit(self, raw: Sequence[float], helpful: Sequence[bool]) -> Self:
        """Return this filter with a curve fitted to passages known to help or not.

        Args:
            raw: Their figures; those that are NaN are left out.
            helpful: Whether each helped.

        Raises:
            DataError: only one class is there, or a figure is infinite.
        """
        said = [(r, h) for r, h in zip(raw, helpful, strict=True) if not math.isnan(r)]
        platt = Platt.fit([r for r, _ in said], [h for _, h in said])
        return replace(self, curve=(platt.slopes[0], platt.intercept))

    @property
    def options(self) -> dict[str, Any]:
        """What an artefact's card keeps of this filter's fields."""
        asked = {_KEPT_AS: self.wording} if self.wording else {}
        return {name: getattr(self, name) for name in self.options_kept} | asked

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was learned beside its card."""
        card = replace(card, notes={**card.notes, **self.options})
        return Artefact(card=card, weights={"curve": np.asarray(self.curve, dtype=np.float64)})

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this filter as it was fitted; a threshold that was set by hand stays.

        Raises:
            ArtefactError: it was fitted under another wording of what a model is asked.
        """
        seen = str(artefact.card.notes.get(_KEPT_AS, ""))
        if seen != self.wording:
            raise ArtefactError(
                f"{artefact.card.method} was fitted under the wording {seen[:12] or 'unknown'}, "
                f"but the model is asked in the wording {self.wording[:12] or 'of none'} now.",
                hint="Fit it again.",
            )
        slope, intercept = (float(c) for c in artefact.weights["curve"])
        fitted = artefact.card.threshold
        return replace(
            self,
            **{name: artefact.card.notes[name] for name in self.options_kept},
            curve=(slope, intercept),
            min_support=fitted if self.min_support is None else self.min_support,
        )

    @property
    def _least(self) -> float:
        if self.min_support is not None:
            return self.min_support
        return MIN_SUPPORT if self.fitted else 0.0


def _sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))
