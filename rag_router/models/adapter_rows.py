"""What an adapter learns from: a prompt exactly as it will be asked, and the answer's tokens.

A row differs in nothing from what the model reads when it serves: the same instruction, the same
worked examples, tokenised the same way. What is learned is what comes after, and how it ends: a
blank line, as after the worked examples, or the token that ends a turn of the chat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rag_router.models.base import CausalModel
from rag_router.models.prompts import Prompt, PromptStyle
from rag_router.scoring import first_line

__all__ = ["TrainingRow", "training_row"]

_CUE: Final = "Answer:"
_MARK: Final = "Thessaloniki"
"""Stands for an answer where only what follows it is looked at."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A prompt and what is to follow it.

    Attributes:
        prompt: Token ids, as `Prompt.ids`.
        answer: Token ids of the answer and of its end, at least one.
        shared: How many leading ids of the prompt are the same in many rows.
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    shared: int = 0

    @property
    def ids(self) -> tuple[int, ...]:
        """What is read: the last token of the answer is only ever predicted."""
        return self.prompt + self.answer[:-1]


def training_row(
    model: CausalModel,
    style: PromptStyle,
    prompt: Prompt,
    answers: Sequence[str],
    *,
    answer_tokens: int,
) -> TrainingRow | None:
    """Make a row of a prompt and its accepted answers; None where none of them is short enough.

    The first answer is what sets call the usual one; only where it is too long the shortest is
    learned instead.

    Args:
        model: Who learns.
        style: How the prompt was made.
        prompt: What is asked.
        answers: Accepted answers, the usual one first.
        answer_tokens: Most tokens of an answer, its end among them.
    """
    said = [line for line in (first_line(answer).strip() for answer in answers) if line]
    for answer in [*said[:1], *sorted(said, key=len)[:1]]:
        ids = _answer_ids(model, style, answer)
        if len(ids) <= answer_tokens and len(prompt.ids) + len(ids) <= model.context_tokens:
            return TrainingRow(prompt=prompt.ids, answer=tuple(ids), shared=prompt.shared)
    return None


def _answer_ids(model: CausalModel, style: PromptStyle, answer: str) -> list[int]:
    if style.form == "chat":
        return [*model.encode(answer, begin=False), *_end_of_turn(model)]
    # Tokenised behind the cue, since some tokenisers write the first word of a text differently.
    cue, both = (model.encode(text, begin=False) for text in (_CUE, f"{_CUE} {answer}\n\n"))
    if both[: len(cue)] == cue:
        return both[len(cue) :]
    return model.encode(f" {answer}\n\n", begin=False)


def _end_of_turn(model: CausalModel) -> list[int]:
    """Return the token by which the chat template ends an answer, if it is one that ends it."""
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _MARK}]
    behind = model.render_chat(messages).rpartition(_MARK)[2]
    first = model.encode(behind, begin=False)[:1]
    return first if set(first) <= model.end_ids and first else sorted(model.end_ids)[:1]
