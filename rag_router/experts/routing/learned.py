"""What routers share that learn how likely each expert is right from past outcomes.

A learned router says of every expert it knows how likely that one answers a question rightly, and
ranks candidates by

    score(e, q) = P(e right | q) - price_weight * price(e)

with prices relative to the dearest candidate: the predictive router of RouterBench (Hu et al. 2024,
arXiv 2403.12031), which it writes as lambda P - cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact
from rag_router.component import STRICT
from rag_router.errors import DataError, SettingsError
from rag_router.experts.card import Card
from rag_router.experts.routing.base import Choice, Need, RoutingContext
from rag_router.experts.routing.lesson import OutcomeLesson
from rag_router.experts.routing.prices import relative_prices
from rag_router.experts.routing.ranking import ranked

__all__ = ["LearnedExpertRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LearnedExpertRouter:
    """Rank experts by how likely each is right. Subclasses say what is learned.

    Args:
        price_weight: Accuracy that the dearest candidate must bring more than a free one, >= 0;
            0.05 is five points in a hundred.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
    """

    price_weight: Annotated[float, Field(ge=0)] = 0.0
    experts: tuple[str, ...] = ()
    arrays: Arrays = Arrays()

    options_kept: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that change what is learned or read; an artefact brings them back."""

    called: ClassVar[str] = ""
    """What settings call it."""

    reads: ClassVar[frozenset[Need]] = frozenset({"embeddings"})

    @property
    def needs(self) -> frozenset[Need]:
        return self.reads

    @property
    def fitted(self) -> bool:
        return bool(self.arrays)

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        """Learn from outcomes; return arrays."""
        raise NotImplementedError

    def likely(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(right) of each expert it knows, shape (questions, experts)."""
        raise NotImplementedError

    def predicted(
        self, questions: Sequence[str], names: Sequence[str], context: RoutingContext
    ) -> NDArray[np.float64]:
        """Return P(right) of the experts named, shape (questions, names)."""
        del questions
        vectors = context.vectors(self.called)
        self._require_width(vectors)
        found = self.likely(vectors).reshape(len(vectors), len(self.experts))
        return found[:, self.columns(names)]

    def rank(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[tuple[Choice, ...]]:
        names = [card.name for card in cards]
        self.columns(names)
        if not questions:
            return []
        likely = self.predicted(questions, names, context)
        prices = relative_prices(cards)
        return [self._ranking(cards, row, prices) for row in likely]

    def _ranking(
        self, cards: Sequence[Card], likely: NDArray[np.float64], prices: NDArray[np.float64]
    ) -> tuple[Choice, ...]:
        scores = [float(score) for score in likely - self.price_weight * prices]
        return ranked(cards, scores, lambda n: self._why(float(likely[n]), float(prices[n])))

    def fit(self, lesson: OutcomeLesson) -> Self:
        """Return this router with what it learns.

        Raises:
            DataError: there are too few experts or questions, or the lesson lacks what it reads.
        """
        lesson.require_enough()
        arrays = {**self.taught(lesson), "width": np.array([lesson.vectors.shape[1]])}
        return replace(self, experts=lesson.experts, arrays=Arrays(arrays))

    @property
    def learned(self) -> dict[str, NDArray[Any]]:
        return dict(self.arrays)

    @property
    def options(self) -> dict[str, Any]:
        """What an artefact has to bring back, as JSON holds it."""
        kept = {name: getattr(self, name) for name in self.options_kept}
        return {**kept, "experts": list(self.experts)}

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this router as it was fitted."""
        notes = artefact.card.notes
        kept = {name: notes[name] for name in self.options_kept}
        return replace(
            self, **kept, experts=tuple(notes["experts"]), arrays=Arrays(artefact.weights)
        )

    def columns(self, names: Sequence[str]) -> list[int]:
        """Return where each of the experts named stands among those it knows.

        Raises:
            SettingsError: it was not fitted, or has learned nothing of one of them.
        """
        if not self.fitted:
            raise SettingsError(
                f"the router {self.called!r} has not learned anything yet.",
                hint=f"Fit it: rag-router route fit-generators {self.called}.",
            )
        if unknown := [name for name in names if name not in self.experts]:
            raise SettingsError(
                f"the router {self.called!r} has learned nothing of "
                f"{', '.join(map(repr, unknown))}; it knows {', '.join(self.experts)}.",
                hint="Fit it on outcomes of all experts: rag-router route fit-generators.",
            )
        return [self.experts.index(name) for name in names]

    def _require_width(self, vectors: NDArray[np.float64]) -> None:
        width = int(self.arrays["width"][0])
        if vectors.shape[1] != width:
            raise DataError(
                f"embeddings of {vectors.shape[1]} numbers were given to a router that learned "
                f"from {width}.",
                hint="Use the embedder that it was fitted with.",
            )

    def _why(self, likely: float, price: float) -> str:
        said = f"right with probability {likely:.2f}"
        if self.price_weight > 0:
            said += f", less {self.price_weight * price:.3f} for its price"
        return said
