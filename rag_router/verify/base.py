"""What a verifier is: it looks at an answer beside the passages it was read from.

KALMV (Baek et al. 2023, "Knowledge-augmented language model verification", arXiv 2310.12836) tells
three cases apart, because each is mended in its own way: what was retrieved does not hold the
answer (look further), it does but the answer is not the one (read again), or all is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self, runtime_checkable

from rag_router.artefacts import Artefact
from rag_router.signals import Board
from rag_router.types import Passage

__all__ = ["Claim", "FittedVerifier", "Judgement", "Label", "Verifier", "VerifyContext"]

Label = Literal["retrieval_error", "not_grounded", "grounded"]
"""The passages do not hold the answer; they do, and it is another one; or all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An answer, and what it was read from.

    Attributes:
        question: Its text.
        answer: What was answered; not empty.
        passages: What was read, best first, as it was shown.
        logprobs: Log-probability of each token of the answer with the passages, in nats, where
            decoding has shown it; empty where it has not, or where it was weighed with memory.
    """

    question: str
    answer: str
    passages: tuple[Passage, ...]
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a verifier makes of a claim.

    Attributes:
        label: Which case it is.
        grounded: P(all is well), in [0, 1]; ranks only, where the verifier is not fitted.
        why: The figures behind it, in words.
    """

    label: Label
    grounded: float
    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class VerifyContext:
    """What verifiers may ask of the model that answered.

    Attributes:
        board: What is known of the questions; it charges what is spent on them.
        rows: The row of the board for each claim, in their order.
    """

    board: Board
    rows: tuple[int, ...]


@runtime_checkable
class Verifier(Protocol):
    """Judges claims, in batches; none depends on another. A frozen value."""

    @property
    def fitted(self) -> bool:
        """Whether it has learned for the model in use."""

    def judge(self, claims: Sequence[Claim], context: VerifyContext) -> list[Judgement]:
        """Judge each claim."""


@runtime_checkable
class FittedVerifier(Verifier, Protocol):
    """A verifier that learns from claims whose label is known."""

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this verifier as it was fitted."""
