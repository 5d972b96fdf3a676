"""Contrast whose strength was learned: our own.

With log p the closed-book and log q the contextual log-probabilities,

    F = log q + alpha (log q - log p),       alpha in {-1, 0, 1/2, 1}

Of an answer alpha is chosen once, when both streams have said what its first token might be: -1
says what memory says, 0 what the passages say, and above that contrast goes beyond them, as CAD
does (arXiv 2305.14739). It is the alpha that promises most,

    alpha = argmax over a of  r_a(x)

with r_a(x) the share of questions like this one that alpha a answers as wanted, and x what is known
before anything is said (the gate's p_know, the filters' support) and what the two streams look like
side by side at the first token (see `considerations`). r is a random forest, apart for each of the
cases that p_know or support are not known, grown from three kinds of questions together: with
falsified passages and with true ones, where the passage is to be followed, and with passages beside
the point, where memory is right and to be kept. What every alpha comes to is known for each of them
(see `rag_router.eval.contrast_fitting`).

Until it is fitted for a model, alpha is the divergence of the streams at each token, which is
AdaCAD (arXiv 2409.07394).

When to use it: passages may be right where memory is outdated, and may as well be beside the
point; and it was fitted for the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact
from rag_router.component import STRICT
from rag_router.decoders.arithmetic import capped, interpolate
from rag_router.decoders.comparison import FIGURES, side_by_side
from rag_router.decoders.considerations import CASES, CONSIDERED, FACTS, case_of, considered
from rag_router.decoders.rewards import RewardForest
from rag_router.models.streams import Facts, Role, StepInput, StepOutput
from rag_router.models.transfers import sent

__all__ = ["STRENGTHS", "AutoDecoder"]

STRENGTHS: Final = (-1.0, 0.0, 0.5, 1.0)
"""The alphas that it chooses among."""

_PASSAGES: Final = STRENGTHS.index(0.0)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutoDecoder:
    """Follow memory or passages, whichever was learned to be right in such a case.

    The alpha of a token in the trace is alpha, less where it is above 0 and the passages' source
    is not fully trusted.

    Args:
        reliance: Weighs what memory and contrast promise: 0.5 leaves it as it was learned, 1
            always says what memory says, 0 always goes as far beyond the passages as there is.
            In [0, 1]; None is 0.5.
        most: Greatest alpha, in (0, 10].
        arrays: A forest for each of `considerations.CASES`, under its number; empty until fitted.
    """

    reliance: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    most: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0
    arrays: Arrays = Arrays()

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    @property
    def reads(self) -> tuple[str, ...]:
        return FACTS

    @property
    def fitted(self) -> bool:
        """Whether it was learned for the model in use."""
        return bool(self.arrays)

    @property
    def learned(self) -> Mapping[str, NDArray[Any]]:
        """What was learned, for an artefact."""
        return dict(self.arrays)

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return it as it was fitted.

        Raises:
            KeyError: the artefact holds nothing of the kind.
            ValueError: it holds something impossible.
        """
        forests = [RewardForest.of(artefact.weights, str(case)) for case in range(len(CASES))]
        for forest in forests:
            _check(forest)
        return replace(self, arrays=_arrays_of(forests))

    def with_forests(self, forests: Sequence[RewardForest]) -> Self:
        """Return it with what was learned.

        Args:
            forests: One for each of `considerations.CASES`, in their order.
        """
        return replace(self, arrays=_arrays_of(forests))

    def step(self, step: StepInput) -> StepOutput:
        closed, context = step.logits["closed"], step.logits["context"]
        if not self.arrays:
            wanted = side_by_side(closed, context)[:, FIGURES.index("divergence")] * math.log(2)
            alpha = capped(wanted, step.facts, limit=self.most)
            return StepOutput(interpolate(closed, context, 1 + alpha), alpha, step.state)
        chosen = list(step.state)
        if new := [row for row, held in enumerate(chosen) if held is None]:
            # The one wait for the device, at the first token of an answer.
            figures = side_by_side(closed[new], context[new]).cpu().numpy()
            for row, strength in zip(
                new, self.strengths([step.facts[row] for row in new], figures), strict=True
            ):
                chosen[row] = strength
        alpha = capped(sent(chosen, like=context), step.facts, limit=self.most)
        return StepOutput(interpolate(closed, context, 1 + alpha), alpha, chosen)

    def strengths(self, facts: Sequence[Facts], figures: NDArray[np.float32]) -> list[float]:
        """Return the alpha of each answer, before it is capped.

        Args:
            facts: What is known about each.
            figures: Of both streams at the first token, shape (answers, figures).
        """
        if self.reliance in (0.0, 1.0):
            return [STRENGTHS[0] if self.reliance else self.most] * len(facts)
        seen = considered(facts, figures)
        odds = 1.0 if self.reliance is None else self.reliance / (1 - self.reliance)
        weights = [odds if a < 0 else 1 / odds if a > 0 else 1.0 for a in STRENGTHS]
        found = []
        for row, one in enumerate(facts):
            promised = self._forest(case_of(one))(seen[[row]])[0] * weights
            # Where several promise the same the passages are read as they are.
            best = promised.max() <= promised[_PASSAGES]
            found.append(STRENGTHS[_PASSAGES if best else int(promised.argmax())])
        return found

    def _forest(self, case: int) -> RewardForest:
        return RewardForest.of(self.arrays, str(case))


def _arrays_of(forests: Sequence[RewardForest]) -> Arrays:
    named = [forest.arrays(str(case)) for case, forest in enumerate(forests)]
    return Arrays({name: array for arrays in named for name, array in arrays.items()})


def _check(forest: RewardForest) -> None:
    """Refuse what would lead out of the arrays."""
    nodes = len(forest.column)
    if forest.share.shape != (nodes, len(STRENGTHS)):
        raise ValueError(f"shares of shape {forest.share.shape}, not {(nodes, len(STRENGTHS))}")
    at = np.arange(nodes)[forest.column >= 0]
    if (
        len(forest.limit) != nodes
        or len(forest.right) != nodes
        or not len(forest.roots)
        or (forest.roots < 0).any()
        or (forest.roots >= nodes).any()
        or (forest.column >= len(CONSIDERED)).any()
        or (forest.right[at] < 1).any()
        or (at + np.maximum(forest.right[at].astype(np.int64), 1) >= nodes).any()
    ):
        raise ValueError("trees that lead nowhere")
