"""What is to be decoded, and what comes of it: the values around the decoding loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from rag_router.models.base import Prefill, StepCache
from rag_router.models.layers import LayerStates
from rag_router.models.sampling import Sampling
from rag_router.models.strategies import Facts, Role, Strategy
from rag_router.types import TokenTrace

__all__ = ["Asked", "Finish", "Generation", "Spoken", "Started", "Task", "start"]

Finish = Literal["end", "stop", "length", "deadline"]
"""What ended an answer: the model's end token, a stop string, the most tokens, or its time."""

Asked = Callable[[], bool]
"""Asked before every step; true ends something."""


@dataclass(frozen=True, slots=True)
class Started:
    """A stream whose prompt has been read: one row of a prefill.

    `hidden` are the last token's hidden states (layers + 1, width), where they were asked for.
    """

    logits: Tensor
    cache: StepCache
    tokens: int
    layers: LayerStates | None = None
    hidden: Tensor | None = None


def start(prefill: Prefill) -> list[Started]:
    """Take a prefill apart into its rows."""
    return [
        Started(
            prefill.logits[row],
            prefill.cache.select([row]),
            tokens,
            None if prefill.layers is None else prefill.layers.select([row]),
            prefill.hidden[row] if prefill.hidden.shape[1] else None,
        )
        for row, tokens in enumerate(prefill.tokens)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One answer to be decoded.

    Attributes:
        streams: The streams that have been started; the strategy's must be among them. Others
            are carried along only where `trace` asks for their figures.
        strategy: What turns their logits into scores.
        facts: What is known about the row.
        max_new_tokens: Most tokens to generate, >= 1.
        stop: Strings that end the answer; they are not part of it.
        trace: Whether to note entropies, divergence and likeliest tokens of every step.
        sampling: How tokens are drawn; None takes the likeliest one. Whatever is drawn from, the
            log-probability noted is that under the strategy's own scores, at temperature 1 and
            before any cut: it says how likely the model holds the answer, drawn or not.
        deadline: Asked before every step; true ends this answer with what it has said so far.
    """

    streams: Mapping[Role, Started]
    strategy: Strategy
    facts: Facts = field(default_factory=Facts)
    max_new_tokens: int = 24
    stop: tuple[str, ...] = ("\n",)
    trace: bool = False
    sampling: Sampling | None = None
    deadline: Asked | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A piece of an answer as it is spoken; what has been spoken is never taken back.

    The texts of a task's pieces join to its generation's text, and the tokens are its tokens.

    Attributes:
        number: The task's place among those that are decoded.
        text: What to show; empty where nothing is to be shown yet.
        token: The token behind it, whose own text may have spaces around it that are not shown.
            None where the answer ends without a further token.
        finish: What ended the answer; None in all pieces but the last.
    """

    number: int
    text: str
    token: TokenTrace | None
    finish: Finish | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A decoded answer.

    Attributes:
        text: Without stop strings and surrounding spaces.
        tokens: The tokens that make up the text, each with its figures.
        finish: What ended it: the model's end token, a stop string, the limit or the deadline.
        forward_rows: Rows that went through the model for it, beyond the prefills.
        notes: What did not go as it was asked for, in words; empty if nothing.
    """

    text: str
    tokens: tuple[TokenTrace, ...]
    finish: Finish
    forward_rows: int
    notes: tuple[str, ...] = ()
