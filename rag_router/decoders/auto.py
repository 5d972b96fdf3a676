"""Contrast whose strength was learned: our own.

With log p the closed-book and log q the contextual log-probabilities, at every step anew,

    F = log q + alpha_t (log q - log p)
    alpha_t = most sigma( v . x_t ) (1 - sigma( u . x_t )) - sigma( u . x_t )

Two questions are asked of each step. Is memory to be kept? Where sigma(u . x) is near 1, alpha is
near -1, and F says what memory says. If not, are the passages to be amplified? Where sigma(v . x)
is near 1 too, alpha is near `most`, and F goes beyond the passages as CAD does (arXiv 2305.14739).
Where neither is, alpha is near 0, and the passages are read as they are.

x_t is what is known before anything is said (the gate's p_know, the filters' support) and what the
two streams look like side by side at the first step and at this one (see `considerations`). The
weights u and v are learned, apart for each of the cases that p_know or support are not known, from
three kinds of questions together: with falsified passages and with true ones, where the passage is
to be followed, and with passages beside the point, where memory is right and to be kept (see
`rag_router.eval.contrast_fitting`).

Until it is fitted for a model, alpha_t is the divergence of the streams, which is AdaCAD (arXiv
2409.07394).

When to use it: passages may be right where memory is outdated, and may as well be beside the
point; and it was fitted for the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from rag_router.artefacts import Artefact
from rag_router.component import STRICT
from rag_router.decoders.arithmetic import capped, interpolate
from rag_router.decoders.comparison import FIGURES, side_by_side
from rag_router.decoders.considerations import CASES, CONSIDERED, FACTS, case_of, considered
from rag_router.models.streams import Role, StepInput, StepOutput
from rag_router.models.transfers import sent

__all__ = ["AutoDecoder", "strength"]

Line = Annotated[tuple[float, ...], Field(min_length=len(CONSIDERED), max_length=len(CONSIDERED))]
Lines = tuple[Line, Line]
"""u and v."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutoDecoder:
    """Follow passages or memory as far as it was learned to be right.

    The alpha of a token in the trace is alpha_t, less where it is above 0 and the passages'
    source is not fully trusted.

    Args:
        reliance: Moves alpha_t towards memory: 0.5 leaves it as it was learned, 1 says what
            memory says, 0 goes as far beyond the passages as there is. In [0, 1]; None is 0.5.
        most: Greatest alpha, in (0, 10]. What was learned, was learned for 1.
        lines: The weights u and v of what is considered, for each of `considerations.CASES`;
            empty until fitted.
    """

    reliance: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    most: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0
    lines: (
        tuple[()]
        | Annotated[tuple[Lines, ...], Field(min_length=len(CASES), max_length=len(CASES))]
    ) = ()

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    @property
    def reads(self) -> tuple[str, ...]:
        return FACTS

    @property
    def fitted(self) -> bool:
        """Whether its weights were learned for the model in use."""
        return bool(self.lines)

    @property
    def learned(self) -> Mapping[str, NDArray[Any]]:
        """What was learned, for an artefact."""
        return {"lines": np.asarray(self.lines, dtype=np.float64)} if self.lines else {}

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return it as it was fitted.

        Raises:
            KeyError: the artefact holds nothing of the kind.
            ValueError: it holds something impossible.
        """
        lines = artefact.weights["lines"]
        shape = (len(CASES), 2, len(CONSIDERED))
        if lines.shape != shape:
            raise ValueError(f"lines of shape {lines.shape}, not {shape}")
        cases = tuple((tuple(keep), tuple(amplify)) for keep, amplify in lines.tolist())
        return replace(self, lines=cases)

    def step(self, step: StepInput) -> StepOutput:
        closed, context = step.logits["closed"], step.logits["context"]
        figures = side_by_side(closed, context)
        # They stay on the device: taking them off would wait for it at every token.
        first = torch.stack(
            [own if held is None else held for own, held in zip(figures, step.state, strict=True)]
        )
        wanted = self._learned(step, figures, first) if self.lines else _diverging(figures)
        alpha = capped(wanted, step.facts, limit=self.most)
        return StepOutput(interpolate(closed, context, 1 + alpha), alpha, list(first))

    def _learned(self, step: StepInput, figures: Tensor, first: Tensor) -> Tensor:
        """alpha_t of each row, before it is capped, in [-1, most], shape (rows,)."""
        later = sent([0.0 if held is None else 1.0 for held in step.state], like=figures)
        cases = [self.lines[case_of(one)] for one in step.facts]
        lines = sent([w for case in cases for line in case for w in line], like=figures)
        seen = considered(step.facts, figures, first, later)
        lean = (lines.view(len(cases), 2, -1) * seen[:, None]).sum(dim=2)
        odds = _log_odds(self.reliance)
        return strength(lean[:, 0] + odds, lean[:, 1] - odds, most=self.most)


def strength(keep: Tensor, amplify: Tensor, *, most: float) -> Tensor:
    """Alpha from the log-odds that memory is to be kept, and that passages are to be amplified."""
    kept = torch.sigmoid(keep)
    return most * torch.sigmoid(amplify) * (1 - kept) - kept


def _diverging(figures: Tensor) -> Tensor:
    """The streams' divergence in nats, shape (rows,)."""
    return figures[:, FIGURES.index("divergence")] * math.log(2)


def _log_odds(reliance: float | None) -> float:
    if reliance is None:
        return 0.0
    if reliance in (0.0, 1.0):
        return math.inf if reliance else -math.inf
    return math.log(reliance / (1 - reliance))
