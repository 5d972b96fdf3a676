"""Who may answer: memory, passages, both together, or nobody.

The four quadrants of "does the model know?" and "do the passages support an answer?":

                    supported              not supported
    knows           contrast               parametric
    does not know   contextual             abstain

The policy decides twice: before the passages are read, from `p_know` and support; and after the
first contextual step, when the divergence of the two streams is known. If they hardly diverge,
memory and passages agree, and there is nothing to contrast. How memory and passages are weighed
where both speak is the decoder's business, not the policy's.

Where it has been learned what both answers are worth (`rag_router.outlook`), it decides once more,
when both are there. An answer that is right with probability p gains p - c (1 - p) if a wrong one
costs c, and saying nothing gains 0: the likelier one is given if p >= c / (1 + c) (Chow 1970, "On
optimum recognition error and reject tradeoff", doi 10.1109/TIT.1970.1054406).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt, logit
from rag_router.component import STRICT
from rag_router.outlook import Outlook
from rag_router.types import Verdict

__all__ = ["Plan", "Policy", "Sureness"]

Plan = Literal["parametric", "contextual", "contrast", "abstain"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Policy:
    """The four quadrants, with the thresholds that separate them.

    Args:
        min_support: Passages support an answer from this calibrated probability on, in [0, 1].
        min_confidence: An answer, wherever it is from, is given from this probability of being
            right on; below it the service says that it does not know. In [0, 1]. It states what
            a wrong answer costs: c / (1 + c), if a right one gains 1 and a wrong one loses c.
        agreement_nats: Streams that diverge by less agree, and are not contrasted; in [0, ln 2].
            At 0 the decoder always has its way.
        abstain: Whether it may say "I don't know" at all; without, supported passages answer, and
            memory where there are none.
    """

    min_support: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    min_confidence: Annotated[float, Field(ge=0.0, le=1.0)] = 0.2
    agreement_nats: Annotated[float, Field(ge=0.0, le=0.6931472)] = 0.0
    abstain: bool = True

    def before(self, verdict: Verdict, support: float | None, *, has_passages: bool) -> Plan:
        """Choose the quadrant before any passage is read.

        Args:
            verdict: What the gate said.
            support: Calibrated support of the kept passages; None where no filter says so, and
                then passages count as support.
            has_passages: Whether any passage was kept.
        """
        knows = self.knows(verdict)
        supported = has_passages and (support is None or support >= self.min_support)
        if supported:
            return "contrast" if knows else "contextual"
        return self.from_memory(verdict.p_know) if not knows else "parametric"

    def from_memory(self, p_know: float) -> Plan:
        """Fall back on memory where no passage helps, if it is sure enough to be worth it."""
        return "parametric" if p_know >= self.min_confidence or not self.abstain else "abstain"

    def settle(self, plan: Plan, p_know: float, confidence: float) -> Plan:
        """Look at an answer from passages once more, when it is known how sure it is.

        Args:
            plan: What was planned.
            p_know: P(the answer from memory is right).
            confidence: P(the answer from passages is right).
        """
        if not self.abstain or confidence >= self.min_confidence:
            return plan
        return self.from_memory(p_know)

    def weigh(self, plan: Plan, outlook: Outlook) -> Plan:
        """Let the answer that is likelier right be given, where it is worth what it may cost.

        Args:
            plan: What was planned, and how the passages were read.
            outlook: What both answers are worth.
        """
        if self.abstain and outlook.best < self.min_confidence:
            return "abstain"
        return "parametric" if outlook.memory > outlook.passages else plan

    def agree(self, divergence_nats: float) -> bool:
        """Whether the two streams agree, so that reading the passages is enough."""
        return divergence_nats < self.agreement_nats

    def knows(self, verdict: Verdict) -> bool:
        """Whether the gate's verdict counts as knowing."""
        if verdict.threshold is None:
            return not verdict.retrieve
        return verdict.p_know >= verdict.threshold


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Sureness:
    """P(an answer read from passages is right), from what decoding it has shown.

    A logistic curve over three log-odds: the passages' support, and the minimum and geometric
    mean of the answer's token probabilities (Platt 1999). Without a fitted curve it is the
    product of support and geometric mean, and every answer says that it is not calibrated.

    Args:
        curve: Three slopes and the intercept; empty until fitted.
    """

    curve: tuple[float, ...] = ()

    @property
    def fitted(self) -> bool:
        return bool(self.curve)

    def __call__(
        self, supports: Sequence[float], logprobs: Sequence[Sequence[float]]
    ) -> list[float]:
        """Probabilities in [0, 1], one for each answer; 0 for an empty answer."""
        figures = [_figures(s, line) for s, line in zip(supports, logprobs, strict=True)]
        if self.curve and figures:
            p = Platt(self.curve[:-1], self.curve[-1])(logit(figures)).tolist()
        else:
            p = [support * mean for support, _, mean in figures]
        return [float(value) if line else 0.0 for value, line in zip(p, logprobs, strict=True)]

    def fit(
        self,
        supports: Sequence[float],
        logprobs: Sequence[Sequence[float]],
        right: Sequence[bool],
    ) -> Sureness:
        """Return the curve fitted to answers known to be right or wrong.

        Raises:
            DataError: only one class is there.
        """
        figures = [_figures(s, line) for s, line in zip(supports, logprobs, strict=True)]
        platt = Platt.fit(logit(figures), right)
        return replace(self, curve=(*platt.slopes, platt.intercept))

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was learned beside its card."""
        return Artefact(card=card, weights={"curve": np.asarray(self.curve, dtype=np.float64)})

    def with_artefact(self, artefact: Artefact) -> Sureness:
        """Return it as it was fitted."""
        curve: np.ndarray[Any, Any] = artefact.weights["curve"]
        return replace(self, curve=tuple(float(c) for c in curve))


def _figures(support: float, logprobs: Sequence[float]) -> tuple[float, float, float]:
    if not logprobs:
        return support, 0.0, 0.0
    return support, float(np.exp(min(logprobs))), float(np.exp(sum(logprobs) / len(logprobs)))
