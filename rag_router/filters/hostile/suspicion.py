"""One reason to believe that a stretch of text gives orders to the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Kind", "Suspicion", "together"]

Kind = Literal[
    "override",
    "role",
    "tool",
    "leak",
    "exfiltration",
    "answer",
    "encoded",
    "hidden",
    "unseen",
    "address",
]
"""What the text tries: to put other orders in place of ours, to pose as a turn of the chat, to
have a tool called, our prompt told, data carried off, an answer foisted, to hide in other
characters, or to stand where nobody looks.
`address` is speaking to the model at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A stretch of text that speaks to the model.

    Attributes:
        start: Character offset in the text as it stands.
        end: Character offset behind it.
        kind: What it tries.
        weight: How sure this alone makes, in [0, 1].
        what: What was seen, in words; never the text itself.
    """

    start: int
    end: int
    kind: Kind
    weight: float
    what: str


def together(suspicions: Iterable[Suspicion]) -> float:
    """How sure several suspicions make, in [0, 1]: 1 - prod(1 - weight), each reason once."""
    weights: dict[str, float] = {}
    for one in suspicions:
        weights[one.what] = max(one.weight, weights.get(one.what, 0.0))
    doubt = 1.0
    for weight in weights.values():
        doubt *= 1 - weight
    return 1 - doubt
