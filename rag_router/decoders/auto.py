"""Three answers, and a learned judge that chooses among them: our own.

With log p the closed-book and log q the contextual log-probabilities, three answers are decoded
side by side, each to its end:

    memory       log p
    passages     log q
    contrast     log q + 1/2 (log q - log p),  as CAD has it (arXiv 2305.14739)

Then the one is given that promises most,

    k = argmax over k of  r_k(x)

with r_k(x) how much speaks for answer k being the wanted one, and x what is known before anything
is said (the gate's p_know, the filters' support) and what the three answers look like side
by side: how much the passages add to theirs, whether it stands in them, who agrees with whom (see
`considerations`). A whole answer tells more than its first token: of an answer that passages beside
the point suggest, they say nothing that would make it likelier, nor does it stand there. r has a
line for each answer, apart for each of the cases that p_know or support are not known, learned from
three kinds of questions together: with falsified passages and with true ones, where the passage is
to be followed, and with passages beside the point, where memory is right and to be kept (see
`rag_router.eval.choice_fitting`).

Until it is fitted for a model, it is AdaCAD (arXiv 2409.07394): contrast by the divergence of the
streams at each token.

When to use it: passages may be right where memory is outdated, and may as well be beside the
point; it was fitted for the model; and nobody waits for the first token, since nothing is told
before all three answers have ended.
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
from rag_router.decoders.considerations import (
    CASES,
    CONSIDERED,
    FACTS,
    Said,
    case_of,
    considered,
)
from rag_router.decoders.rewards import Rewards
from rag_router.decoders.watched import WatchedContrast, likelihoods
from rag_router.models.streams import (
    Candidate,
    Facts,
    OneStream,
    Role,
    StepInput,
    StepOutput,
    Strategy,
)

__all__ = ["ANSWERS", "STRENGTH", "AutoDecoder"]

ANSWERS: Final = ("memory", "passages", "contrast")
"""The answers that it chooses among."""

STRENGTH: Final = 0.5
"""The alpha of `contrast`."""

_MEMORY, _PASSAGES, _CONTRAST = range(len(ANSWERS))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutoDecoder:
    """Follow memory or passages, whichever was learned to be right in such a case.

    The alpha of a token in the trace is that of the answer that is given: none for memory's, 0
    for the passages', and the contrast's, less where their source is not fully trusted.

    Args:
        reliance: Weighs what memory and contrast promise: 0.5 leaves it as it was learned, 1
            always says what memory says, 0 always goes as far beyond the passages as there is.
            In [0, 1]; None is 0.5.
        most: Greatest alpha, in (0, 10].
        arrays: Lines for each of `considerations.CASES`, under its number; empty until fitted.
    """

    reliance: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    most: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0
    arrays: Arrays = Arrays()

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    @property
    def reads(self) -> tuple[str, ...]:
        return (*FACTS, "shown")

    @property
    def fitted(self) -> bool:
        """Whether it was learned for the model in use."""
        return bool(self.arrays)

    @property
    def learned(self) -> Mapping[str, NDArray[Any]]:
        """What was learned, for an artefact."""
        return dict(self.arrays)

    @property
    def candidates(self) -> tuple[Strategy, ...]:
        """What decodes the answers; one alone where the knob is turned to its end."""
        if not self.fitted:
            return ()
        if self.reliance == 1.0:
            return (OneStream("closed"),)
        if self.reliance == 0.0:
            return (WatchedContrast(self.most),)
        strength = min(STRENGTH, self.most)
        return (OneStream("closed"), WatchedContrast(0.0), WatchedContrast(strength))

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return it as it was fitted.

        Raises:
            KeyError: the artefact holds nothing of the kind.
            ValueError: it holds something impossible.
        """
        rewards = [Rewards.of(artefact.weights, str(case)) for case in range(len(CASES))]
        for one in rewards:
            _check(one)
        return self.with_rewards(rewards)

    def with_rewards(self, rewards: Sequence[Rewards]) -> Self:
        """Return it with what was learned.

        Args:
            rewards: Those of each of `considerations.CASES`, in their order.
        """
        named = [one.arrays(str(case)) for case, one in enumerate(rewards)]
        arrays = {name: array for some in named for name, array in some.items()}
        return replace(self, arrays=Arrays(arrays))

    def choose(self, facts: Facts, candidates: Sequence[Candidate]) -> int:
        if len(candidates) < len(ANSWERS):
            return 0
        memory, passages, contrast = candidates
        seen = considered(facts, memory.text, _said(passages), _said(contrast))
        return self.chosen(case_of(facts), seen)

    def chosen(self, case: int, seen: NDArray[np.float64]) -> int:
        """Return the number of the answer that promises most, in `ANSWERS`.

        Args:
            case: What is known, as a number in `considerations.CASES`.
            seen: What is gone by, shape (considered,).
        """
        odds = 1.0 if self.reliance is None else self.reliance / (1 - self.reliance)
        promised = Rewards.of(self.arrays, str(case))(seen[None])[0]
        promised = promised * (odds, 1.0, 1 / odds)
        # Where several promise the same the passages are read as they are.
        if promised.max() <= promised[_PASSAGES]:
            return _PASSAGES
        return int(promised.argmax())

    def step(self, step: StepInput) -> StepOutput:
        """Score one step as AdaCAD does: what it is where there are no answers to choose among."""
        closed, context = step.logits["closed"], step.logits["context"]
        wanted = side_by_side(closed, context)[:, FIGURES.index("divergence")] * math.log(2)
        alpha = capped(wanted, step.facts, limit=self.most)
        return StepOutput(interpolate(closed, context, 1 + alpha), alpha, step.state)


def _said(one: Candidate) -> Said:
    return Said(one.text, *likelihoods(one.state))


def _check(rewards: Rewards) -> None:
    """Refuse what would promise nothing."""
    wanted = (len(ANSWERS), len(CONSIDERED))
    if rewards.slopes.shape != wanted or rewards.intercepts.shape != wanted[:1]:
        seen = f"{rewards.slopes.shape} and {rewards.intercepts.shape}"
        raise ValueError(f"lines of shape {seen}, not {wanted} and {wanted[:1]}")
    if not (np.isfinite(rewards.slopes).all() and np.isfinite(rewards.intercepts).all()):
        raise ValueError("lines that are no numbers")
