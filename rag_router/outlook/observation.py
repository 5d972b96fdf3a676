"""What is read off a question before it is decided who answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.calibration import logit
from rag_router.outlook.wording import (
    fits_kind,
    same_answer,
    sentence_holding,
    share_held,
    share_of_names_held,
)
from rag_router.scoring import holds_answer

__all__ = ["DEPTHS", "FIGURES", "MEMORY", "Observation", "Said", "figures_of"]

DEPTHS: Final = (0.5, 0.75, 1.0)
"""How deep the layers are that are read, as shares of the whole; 1 is the last."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer and the log-probability of each of its tokens, in nats."""

    text: str
    logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """One question, with what memory and what passages answer it.

    Attributes:
        question: Its text.
        p_know: What the gate said.
        support: P(the passages hold the answer) by the filters; None where none says so.
        divergence: Of the next-token distributions with and without passages, in nats.
        memory: The answer from memory.
        passages: The answer with passages; None where none was read.
        shown: Title and text of each passage that was read, best first.
        states: Hidden states of the last prompt token with passages at `DEPTHS`, float32 of shape
            (layers, width); without rows where the model does not show them.
    """

    question: str
    p_know: float
    memory: Said
    support: float | None = None
    divergence: float = 0.0
    passages: Said | None = None
    shown: tuple[tuple[str, str], ...] = ()
    states: NDArray[np.float32]

    @property
    def agrees(self) -> bool:
        """Whether memory and passages say the same."""
        return self.passages is not None and same_answer(self.memory.text, self.passages.text)


FIGURES: Final = (
    "p_know",
    "memory_least",
    "memory_mean",
    "agreement",
    "divergence",
    "least",
    "mean",
    "support",
    "stands",
    "votes",
    "near",
    "covered",
    "names",
    "kind",
    "words",
    "echo",
)
"""What is counted, in the order of `figures_of`."""

MEMORY: Final = 7
"""How many of them are about memory, or about both answers: those that P(memory) is read from."""


def figures_of(observations: Sequence[Observation]) -> NDArray[np.float64]:
    """Count what is in `FIGURES`, shape (n, figures); probabilities as log-odds.

    `stands` is whether the answer stands in a passage that was read, `votes` in what share of
    them; `near` and `covered` are the shares of the question's words in the sentence and in the
    passages around it, `names` the share of its names and numbers there; `kind` whether a number
    or name was asked for and given; `words` the logarithm of the answer's length; `echo` the
    share of its words that the question has said already.

    Raises:
        ValueError: an observation has no answer from passages.
    """
    rows = [_row(one) for one in observations]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FIGURES))


def _row(one: Observation) -> list[float]:
    if one.passages is None:
        raise ValueError("nothing was read, so that there is nothing to weigh memory against.")
    answer, texts = one.passages.text, [text for _, text in one.shown]
    whole = " ".join(f"{title} {text}" for title, text in one.shown)
    holding = [holds_answer(text, [answer]) for text in texts]
    # What nobody judged is neither likely nor unlikely.
    support = 0.5 if one.support is None else one.support
    return [
        float(logit(one.p_know)),
        *_sureness(one.memory),
        float(one.agrees),
        one.divergence,
        *_sureness(one.passages),
        float(logit(support)),
        float(any(holding)),
        sum(holding) / max(len(holding), 1),
        share_held(one.question, sentence_holding(answer, texts)),
        share_held(one.question, whole),
        share_of_names_held(one.question, whole),
        float(fits_kind(one.question, answer)),
        float(np.log1p(len(answer.split()))),
        share_held(answer, one.question),
    ]


def _sureness(said: Said) -> tuple[float, float]:
    """Log-odds of the least and of the geometric mean probability of an answer's tokens."""
    if not said.logprobs:
        return (float(logit(0.0)),) * 2
    least, mean = min(said.logprobs), sum(said.logprobs) / len(said.logprobs)
    return float(logit(np.exp(least))), float(logit(np.exp(mean)))
