"""What a decoding strategy is given at each step, and what it makes of it.

A strategy is a pure function of one step: it maps the logits of a row's streams to scores, row by
row, and what it wants to remember of a row it hands back as that row's state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from torch import Tensor

from rag_router.models.layers import LayerStates

__all__ = [
    "Candidate",
    "ChoosingStrategy",
    "Facts",
    "InformedStrategy",
    "LayeredStrategy",
    "OneStream",
    "Role",
    "StepInput",
    "StepOutput",
    "Strategy",
    "facts_read",
    "layers_of",
]

Role = Literal["closed", "context", "abstain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a row before decoding.

    Attributes:
        p_know: Calibrated probability that the model alone is right, in [0, 1].
        support: Calibrated probability that the passages contain the answer, in [0, 1].
        trust: How far the passages' source is trusted, in [0, 1].
        weights: How much the word of each expert counts where several speak together, >= 0 and
            summing to 1; empty where one speaks alone.
        shown: Titles and texts of the passages that are read; empty where it does not matter.
    """

    p_know: float | None = None
    support: float | None = None
    trust: float = 1.0
    weights: tuple[float, ...] = ()
    shown: str = ""


@dataclass(frozen=True, slots=True)
class StepInput:
    """One step of several rows. Nothing of one row may depend on another.

    Attributes:
        logits: For each stream, float32 of shape (rows, vocabulary).
        facts: One for each row.
        state: What the strategy returned for each row one step ago; None at the first.
        layers: What the later layers would say by themselves, for each stream whose layers the
            strategy reads.
    """

    logits: Mapping[Role, Tensor]
    facts: Sequence[Facts]
    state: Sequence[Any]
    layers: Mapping[Role, LayerStates] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What a strategy makes of one step.

    Attributes:
        scores: Unnormalised log-probabilities, shape (rows, vocabulary); -inf rules a token out.
        alpha: Weight given to the passages in each row, shape (rows,); None where there is none.
        state: Handed back at the next step.
        experts: How much each expert counted in each row, by its name, shape (rows,); empty where
            one speaks alone.
    """

    scores: Tensor
    alpha: Tensor | None = None
    state: Sequence[Any] | None = None
    experts: Mapping[str, Tensor] = field(default_factory=dict)


class Strategy(Protocol):
    """How the streams of a row become one distribution. A pure function of its input."""

    @property
    def streams(self) -> tuple[Role, ...]:
        """The streams it reads."""

    def step(self, step: StepInput) -> StepOutput: ...


@runtime_checkable
class LayeredStrategy(Strategy, Protocol):
    """A strategy that also reads what a stream's later layers would say by themselves."""

    @property
    def layers(self) -> tuple[Role, ...]:
        """The streams whose layers it reads; all of them are among `streams`."""


@runtime_checkable
class InformedStrategy(Strategy, Protocol):
    """A strategy that reads more of the facts than how far the passages' source is trusted."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the facts that it reads besides `trust`."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several answers to a question, once it has ended.

    Attributes:
        text: Without stop strings and surrounding spaces.
        state: What the strategy that gave it remembered at its last step.
    """

    text: str
    state: Any = None


@runtime_checkable
class ChoosingStrategy(Strategy, Protocol):
    """A strategy that has several answers decoded, side by side, and chooses one of them."""

    @property
    def candidates(self) -> tuple[Strategy, ...]:
        """What decodes them, reading its streams; empty where it decodes by itself."""

    def choose(self, facts: Facts, candidates: Sequence[Candidate]) -> int:
        """Return the number of the answer that is to be given.

        Args:
            facts: What is known about the row.
            candidates: One answer of each, in their order.
        """


@dataclass(frozen=True, slots=True)
class OneStream:
    """Read one stream as it is: ordinary decoding."""

    role: Role

    @property
    def streams(self) -> tuple[Role, ...]:
        return (self.role,)

    def step(self, step: StepInput) -> StepOutput:
        return StepOutput(step.logits[self.role])


def layers_of(strategy: Strategy) -> tuple[Role, ...]:
    """Return the streams whose later layers a strategy reads; their prompts are read with them."""
    return strategy.layers if isinstance(strategy, LayeredStrategy) else ()


def facts_read(strategy: Strategy, facts: Facts) -> Facts:
    """Leave of the facts what a strategy reads: nothing else can change what it makes of a step."""
    reads = strategy.reads if isinstance(strategy, InformedStrategy) else ()
    return Facts(trust=facts.trust, **{name: getattr(facts, name) for name in reads})
