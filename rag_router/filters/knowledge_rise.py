"""Keep a passage that makes the model surer of what it would say.

With p(.|q) and p(.|q, d) the distributions over the first token of an answer, without and with
passage d alone, the bare rise is that of the likeliest token's probability,

    rise(d) = max_t p(t|q, d) - max_t p(t|q),

as P(IK) of Kadavath et al. 2022 (arXiv 2207.05221, section 5) rises where relevant text is shown.
Surer is not yet right: a small head (Platt 1999, "Probabilistic outputs for support vector
machines", with several scores) also hears the entropies, how far the two distributions lie apart,
whether the likeliest token stands in the passage, whether other passages lead to it too, and what
a filter before this one made of the passage. Where one did, the head is what is to be added to its
log-odds, and held to add nothing by a ridge whose weight is chosen on questions kept back: so that
few examples leave that filter's word as it is. One short prompt a passage is read, and nothing is
decoded.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from torch import Tensor

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt, logit
from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.filters.base import FilterContext
from rag_router.filters.scored import ScoredFilter
from rag_router.models.prompts import Prompt, contextual_prompt
from rag_router.signals import Board, ClosedBookPass, Cost
from rag_router.signals.base import Requirements
from rag_router.signals.first_distribution import LIKELIEST, SHAPE_FIGURES, distribution_figures
from rag_router.text import as_data
from rag_router.types import Judged

__all__ = ["RISES", "KnowledgeRiseFilter"]

_SHAPES: Final = range(SHAPE_FIGURES)
RISES: Final = (
    "rise",
    *(f"with_{number}" for number in _SHAPES),
    *(f"change_{number}" for number in _SHAPES),
    "token_change",
    "apart",
    "stands",
    "agreeing",
    "agreed",
    "before",
)
"""The columns, in their order; `before` is NaN where no filter has said anything before."""

_PENALTIES: Final = (3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 10.0)
"""Ridges to choose from; the last one leaves hardly more than an intercept."""

_FOLDS: Final = 5
_LEAST: Final = -30.0


@dataclass(frozen=True, kw_only=True, config=STRICT)
class KnowledgeRiseFilter(ScoredFilter):
    """Keep passages that raise what the model seems to know.

    Args:
        min_support: Drop below this probability, in [0, 1]. None takes the fitted one, or 0.1;
            unfitted it drops nothing.
        curve: Slope and intercept over the head's log-odds; empty leaves those as they are.
        arrays: The head's slopes and intercept, without and with what was said before; empty
            until fitted, and then the figure is the bare rise.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    arrays: Arrays = Arrays()

    learned_of = "generator"
    asks = "a prompt for each passage"
    nothing_to_say: ClassVar[str] = "nothing stands in it that the model could read"

    @property
    def fitted(self) -> bool:
        return bool(self.arrays)

    def described(self, figure: float) -> str:
        return "by how much surer the model is with it"

    def support(self, figure: float) -> float:
        """P(a passage of these log-odds helps)."""
        slope, intercept = self.curve or (1.0, 0.0)
        return float(Platt((slope,), intercept)(figure)[0])

    def prepared(self, judged: Sequence[Sequence[Judged]]) -> Self:
        del judged  # nothing is counted before prompts are read
        return self

    def raw(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[float]]:
        """Log-odds that each passage helps, or the bare rise; NaN for those not read."""
        return [self.figures_of(rows) for rows in self.columns(questions, judged, context)]

    def figures_of(self, columns: NDArray[np.float64]) -> list[float]:
        """Return what the head makes of rows; NaN where nothing was read."""
        if not self.arrays:
            return [float(row[0]) for row in columns]
        out = columns[:, :-1] @ self.arrays["alone"][:-1] + self.arrays["alone"][-1]
        if "after" in self.arrays:
            told = ~np.isnan(columns[:, -1])
            out[told] = columns[told] @ self.arrays["after"][:-1] + self.arrays["after"][-1]
        return [float(figure) for figure in out]

    def columns(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[NDArray[np.float64]]:
        """Read every passage alone, shape (passages, rises); NaN where none was read."""
        board = context.asked_of("knowledge_rise")
        closed = [one.stream.logits for one in board.read(ClosedBookPass(), context.rows)]
        prompts: dict[tuple[int, int], Prompt] = {}
        for number, (question, line) in enumerate(zip(questions, judged, strict=True)):
            for place, one in enumerate(line):
                if not one.kept or not as_data(one.hit.passage.text):
                    continue
                prompt = contextual_prompt(board.model, board.style, question, [one.hit.passage])
                if prompt.shown[0] is not None:
                    prompts[number, place] = prompt
        read: dict[tuple[int, int], _Read] = {}
        # Prompts of one length fill a batch without padding.
        order = sorted(prompts, key=lambda key: len(prompts[key].ids))
        for at in range(0, len(order), board.batch_size):
            some = order[at : at + board.batch_size]
            logits = _logits(board, [prompts[key] for key in some])
            before = torch.stack([closed[number] for number, _ in some])
            read.update(zip(some, _Read.of(before, logits), strict=True))
            for number, place in some:
                tokens = len(prompts[number, place].ids)
                board.charge(context.rows[number], Cost(prefill_tokens=tokens, forward_rows=1))
        return [
            _columns(
                line, {p: read[number, p] for p in range(len(line)) if (number, p) in read}, board
            )
            for number, line in enumerate(judged)
        ]

    def study(
        self,
        columns: NDArray[np.float64],
        helpful: NDArray[np.bool_],
        owner: NDArray[np.int64],
        *,
        seed: int = 0,
    ) -> Self:
        """Fit the head, without and with what was said before; see `StudyingFilter`.

        Raises:
            DataError: only one class is there.
        """
        del seed  # nothing is drawn
        read = ~np.isnan(columns[:, 0])
        told = read & ~np.isnan(columns[:, -1])
        learned = {"alone": _sum(columns[read, :-1], helpful[read], owner[read])}
        if 0 < helpful[told].sum() < told.sum():
            said = columns[told, -1]
            learned["after"] = _sum(columns[told], helpful[told], owner[told], said)
            # What is added to what was said before, and that itself.
            learned["after"][-2] += 1.0
        return replace(self, arrays=Arrays(learned))

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was learned beside its card."""
        curve = {"curve": np.asarray(self.curve, dtype=np.float64)} if self.curve else {}
        return Artefact(card=card, weights={**self.arrays, **curve})

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this filter as it was fitted; a threshold that was set by hand stays."""
        learned = {name: array for name, array in artefact.weights.items() if name != "curve"}
        fitted = artefact.card.threshold
        curve = artefact.weights.get("curve")
        return replace(
            self,
            arrays=Arrays(learned),
            curve=() if curve is None else (float(curve[0]), float(curve[1])),
            min_support=fitted if self.min_support is None else self.min_support,
        )


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What the model would begin to say with a passage, beside what it would without.

    Attributes:
        log_p: Of each token with the passage, shape (vocabulary,).
        token: The likeliest of them.
        shape: The figures of `distribution_figures`, with the passage.
        change: What they gained by it.
        token_change: What the likeliest token's log-probability gained.
        apart: Jensen-Shannon divergence of both, in nats (Lin 1991, doi 10.1109/18.61115).
    """

    log_p: Tensor
    token: int
    shape: NDArray[np.float32]
    change: NDArray[np.float32]
    token_change: float
    apart: float

    @classmethod
    def of(cls, before: Tensor, after: Tensor) -> list[_Read]:
        """Compare logits, each of shape (prompts, vocabulary)."""
        closed, with_it = (torch.log_softmax(one.float(), dim=-1) for one in (before, after))
        middle = torch.logaddexp(closed, with_it) - math.log(2)
        apart = ((closed.exp() * (closed - middle)) + (with_it.exp() * (with_it - middle))).sum(-1)
        shapes = distribution_figures(after)
        change = shapes - distribution_figures(before)
        tokens = with_it.argmax(dim=-1)
        gained = with_it - closed.clamp(min=_LEAST)
        return [
            # Half as many bits do for what others are compared with.
            cls(
                log_p=with_it[row].half(),
                token=int(token),
                shape=shapes[row],
                change=change[row],
                token_change=float(gained[row, token]),
                apart=float(apart[row]) / 2,
            )
            for row, token in enumerate(tokens.tolist())
        ]


def _logits(board: Board, prompts: Sequence[Prompt]) -> Tensor:
    read = board.model.prefill(
        [prompt.ids for prompt in prompts], shared=[prompt.shared for prompt in prompts]
    )
    return read.logits


def _columns(line: Sequence[Judged], read: dict[int, _Read], board: Board) -> NDArray[np.float64]:
    out = np.full((len(line), len(RISES)), math.nan)
    for place, one in read.items():
        others = [other for at, other in read.items() if at != place]
        agreed = [math.exp(float(other.log_p[one.token])) for other in others]
        said = board.model.decode([one.token]).strip().casefold()
        judged = line[place]
        largest = float(one.shape[LIKELIEST])
        out[place] = [
            math.exp(largest) - math.exp(largest - one.change[LIKELIEST]),
            *one.shape,
            *one.change,
            one.token_change,
            one.apart,
            float(bool(said) and said in judged.hit.passage.text.casefold()),
            sum(other.token == one.token for other in others) / max(len(others), 1),
            sum(agreed) / max(len(agreed), 1),
            math.nan if judged.support is None else float(logit(judged.support)),
        ]
    return out


def _sum(
    columns: NDArray[np.float64],
    helpful: NDArray[np.bool_],
    owner: NDArray[np.int64],
    said: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Fit slopes and an intercept under the ridge that does best on questions kept back."""
    fold = owner % _FOLDS

    def loss(penalty: float) -> float:
        z = np.zeros(len(helpful))
        for number in np.unique(fold):
            rest, apart = fold != number, fold == number
            platt = Platt.fit(
                columns[rest],
                helpful[rest],
                penalty=penalty,
                offset=None if said is None else said[rest],
            )
            z[apart] = columns[apart] @ np.asarray(platt.slopes) + platt.intercept
        z += 0.0 if said is None else said
        return float(np.mean(np.logaddexp(0, z) - helpful * z))

    try:
        # At a tie the stiffer ridge wins.
        best = min(reversed(_PENALTIES), key=loss)
    except DataError:
        # All that help, or all that do not, are of one question.
        best = _PENALTIES[-1]
    platt = Platt.fit(columns, helpful, penalty=best, offset=said)
    return np.array([*platt.slopes, platt.intercept])
