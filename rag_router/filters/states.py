"""What the generator makes of a question beside one passage: its hidden states.

Zeng et al. 2025, "Towards knowledge checking in retrieval-augmented generation: a representation
perspective" (NAACL 2025, arXiv 2411.14572): the last token of the prompt that shows the question
and the passage, at one layer, the last where nothing else is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt
from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.filters.base import FilterContext
from rag_router.filters.scored import ScoredFilter
from rag_router.models.prompts import contextual_prompt
from rag_router.signals import Board, Cost
from rag_router.signals.hidden_states import take_layers
from rag_router.text import as_data
from rag_router.types import Judged

__all__ = ["StatesFilter"]

_FOLDS: Final = 5


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StatesFilter(ScoredFilter):
    """A score learned on hidden states; subclasses say which score.

    Args:
        arrays: What was learned; empty until fitted.
        layer: Which layer is read, 0 being the embedding; none takes the last, as published.
        checks: What it was taught to tell: whether passages help, or whether they agree with what
            is true.
    """

    arrays: Arrays = Arrays()
    layer: Annotated[int, Field(ge=0)] | None = None
    checks: Literal["helpful", "agreeing"] = "helpful"

    name: ClassVar[str]
    learned_of = "generator"
    options_kept = ("layer", "checks")
    nothing_to_say = "it has learned nothing of this model yet"
    asks = "a prompt for each passage"

    def taught(
        self, states: NDArray[np.float64], helpful: NDArray[np.bool_], seed: int
    ) -> Mapping[str, NDArray[Any]]:
        """Learn the score; return its arrays."""
        raise NotImplementedError

    def score(
        self, arrays: Mapping[str, NDArray[Any]], states: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Score states by what was learned, shape (n,)."""
        raise NotImplementedError

    @property
    def fitted(self) -> bool:
        return bool(self.arrays) and bool(self.curve)

    def described(self, figure: float) -> str:
        return f"its states look {self.checks} by {figure:.2f}"

    def prepared(self, judged: Sequence[Sequence[Judged]]) -> Self:
        del judged  # nothing is counted before states are read
        return self

    def columns(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[NDArray[np.float64]]:
        """The layer's states after question and passage; one prompt for each passage."""
        board = context.asked_of(self.name)
        width = 0
        found: dict[tuple[int, int], NDArray[np.float32]] = {}
        prompts = {}
        for number, (question, line) in enumerate(zip(questions, judged, strict=True)):
            for rank, one in enumerate(line):
                if not one.kept or not as_data(one.hit.passage.text):
                    continue
                prompt = contextual_prompt(board.model, board.style, question, [one.hit.passage])
                if prompt.shown[0] is not None:
                    prompts[number, rank] = prompt
        order = sorted(prompts, key=lambda key: len(prompts[key].ids))
        for at in range(0, len(order), board.batch_size):
            some = order[at : at + board.batch_size]
            states = self._read(board, [prompts[key] for key in some])
            width = states.shape[1]
            found.update(zip(some, states, strict=True))
            for number, rank in some:
                tokens = len(prompts[number, rank].ids)
                board.charge(context.rows[number], Cost(prefill_tokens=tokens, forward_rows=1))
        out = [np.full((len(line), width), math.nan) for line in judged]
        for (number, rank), state in found.items():
            out[number][rank] = state
        return out

    def raw(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[float]]:
        """The learned score of each passage; NaN before anything was learned."""
        if not self.arrays:
            return [[math.nan] * len(line) for line in judged]
        return [self._scores(rows) for rows in self.columns(questions, judged, context)]

    def study(
        self,
        columns: NDArray[np.float64],
        helpful: NDArray[np.bool_],
        owner: NDArray[np.int64],
        *,
        seed: int = 0,
    ) -> Self:
        """Return this filter with a score, and a curve over scores of what it had not seen.

        A question's passages are never on both sides; rows of NaN are left out.

        Raises:
            DataError: there are fewer than five that help, or that do not.
        """
        there = ~np.isnan(columns).any(axis=1)
        states, label = columns[there], np.asarray(helpful, dtype=bool)[there]
        if min(label.sum(), (~label).sum()) < _FOLDS:
            raise DataError(
                f"it learns from both kinds of passages; saw {label.sum()} that help and "
                f"{(~label).sum()} that do not.",
                hint=f"Give at least {_FOLDS} of each; hundreds are better.",
            )
        apart = np.empty(len(label))
        fold = _folds(np.asarray(owner)[there], label, seed)
        for number in range(_FOLDS):
            rest, test = fold != number, fold == number
            if test.any():
                apart[test] = self.score(self.taught(states[rest], label[rest], seed), states[test])
        platt = Platt.fit(apart, label)
        return replace(
            self,
            arrays=Arrays(self.taught(states, label, seed)),
            curve=(platt.slopes[0], platt.intercept),
        )

    def to_artefact(self, card: Card) -> Artefact:
        plain = super().to_artefact(card)
        return replace(plain, weights={**self.arrays, **plain.weights})

    def with_artefact(self, artefact: Artefact) -> Self:
        learned = {name: array for name, array in artefact.weights.items() if name != "curve"}
        return replace(super().with_artefact(artefact), arrays=Arrays(learned))

    def figures_of(self, columns: NDArray[np.float64]) -> list[float]:
        """The learned score of each row of states; NaN before anything was learned."""
        return self._scores(columns) if self.arrays else [math.nan] * len(columns)

    def _scores(self, rows: NDArray[np.float64]) -> list[float]:
        there = ~np.isnan(rows).any(axis=1)
        out = np.full(len(rows), math.nan)
        if there.any():
            out[there] = self.score(self.arrays, rows[there])
        return [round(float(value), 4) for value in out]

    def _read(self, board: Board, prompts: Sequence[Any]) -> NDArray[np.float32]:
        read = board.model.prefill(
            [prompt.ids for prompt in prompts],
            hidden=True,
            shared=[prompt.shared for prompt in prompts],
        )
        states = read.hidden.float().cpu().numpy()
        if not np.isfinite(states).all():
            raise DataError(
                f"{board.model.name} computes hidden states that are not finite.",
                hint="Load the model in float32: [generator] dtype = 'float32'.",
            )
        layer = states.shape[1] - 1 if self.layer is None else self.layer
        return np.stack([take_layers(state, (layer,)) for state in states])


def _folds(owner: NDArray[np.int64], helpful: NDArray[np.bool_], seed: int) -> NDArray[np.int64]:
    """Share questions out, those of which most passages help evenly; shape (passages,)."""
    at = np.unique(owner, return_inverse=True)[1]
    share = np.bincount(at, weights=helpful) / np.bincount(at)
    drawn = np.random.default_rng(seed).permutation(len(share))
    fold = np.empty(len(share), dtype=np.int64)
    fold[np.lexsort((drawn, share))] = np.arange(len(share)) % _FOLDS
    return np.asarray(fold[at])
