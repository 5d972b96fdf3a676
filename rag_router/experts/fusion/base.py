"""What a fusion of experts is: several of them in, one answer out.

There are two kinds. A *token fusion* makes one next-token distribution of those of several
experts, at every step, and so asks for models of one vocabulary. An *answer fusion* makes one
answer of those that several experts give, whatever stands behind them.

The contract, for both:

- What is made of a question depends on that question and on what the experts say to it: neither
  other questions nor their order change it.
- Nobody's word is lost in silence: a token's trace holds the weight of each expert, an answer's
  route holds who was asked and what each of them said.
- Experts come in an order, that of the settings. The first one *leads*: ties go its way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from rag_router.experts.base import Answering
from rag_router.types import Answer, Question

__all__ = ["AnswerFusion", "Costs", "Fused", "TokenFusion", "Voices"]

Costs = Mapping[str, float]
"""What asking each expert costs, >= 0; only their proportions count."""


@dataclass(frozen=True, slots=True)
class Voices:
    """What several experts say at one step, for several rows. No row may depend on another.

    Attributes:
        logits: Of each expert, by its name, shape (rows, vocabulary); raw or normalised, -inf
            where a token is ruled out. The first one leads. They may not be written to.
        weights: How much the word of each counts in each row, shape (rows, experts), in the same
            order, each row's sum being 1.
    """

    logits: Mapping[str, Tensor]
    weights: Tensor

    @property
    def names(self) -> tuple[str, ...]:
        """The experts, the leading one first."""
        return tuple(self.logits)

    @property
    def shares(self) -> dict[str, Tensor]:
        """The weights of each expert, by its name, shape (rows,)."""
        return dict(zip(self.logits, self.weights.unbind(dim=1), strict=True))


@dataclass(frozen=True, slots=True)
class Fused:
    """What a fusion makes of one step.

    Attributes:
        scores: Unnormalised log-probabilities, shape (rows, vocabulary); -inf rules a token out.
        weights: How much each expert counted, by its name, shape (rows,).
    """

    scores: Tensor
    weights: Mapping[str, Tensor] = field(default_factory=dict)


@runtime_checkable
class TokenFusion(Protocol):
    """Makes one next-token distribution of several. A pure function of its input."""

    def fuse(self, voices: Voices) -> Fused: ...

    def check(self, names: Sequence[str]) -> None:
        """Make sure that these experts can be fused so.

        Raises:
            SettingsError: they are too few, or one that the fusion names is not among them.
        """


@runtime_checkable
class AnswerFusion(Protocol):
    """Makes one answer of those of several experts."""

    def ask(
        self,
        experts: Mapping[str, Answering],
        questions: Sequence[Question],
        wanted: Any = None,
        *,
        costs: Costs | None = None,
    ) -> list[Answer]:
        """Put questions to experts, to as many of them as it takes.

        Args:
            experts: By their names, at least one; the first one leads.
            questions: What is asked.
            wanted: Handed to each expert as it is.
            costs: What asking each costs; None is the same for all.

        Raises:
            UnavailableError: no expert can answer.
            QuestionError: a question cannot be answered as it is written.
            UsageError: `wanted` wants what cannot be.
        """
