"""Writing a line that is no answer: a title, the tags of a conversation, a question put anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_router.experts.base import Expert
from rag_router.models.prompts import Inquiry, inquiry_prompt
from rag_router.models.streams import OneStream, Task, decode, start

__all__ = ["Written", "write"]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and what it cost.

    Attributes:
        text: One line; empty where the model had nothing to say.
        prompt_tokens: Tokens that were read.
        completion_tokens: Tokens that were written.
        whole: Whether it ends where the model ended it.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    whole: bool = True


def write(
    expert: Expert,
    inquiry: Inquiry,
    case: Sequence[str],
    *,
    max_new_tokens: int = 24,
    cancelled: Callable[[], bool] | None = None,
) -> Written:
    """Let an expert write a line, as the worked examples show.

    Args:
        expert: Who writes.
        inquiry: What to write.
        case: Lines to write it of.
        max_new_tokens: Longest line.
        cancelled: Asked between decoding steps; true stops it.

    Raises:
        QuestionError: the case is longer than the expert can read.
        CancelledError: `cancelled` said so.
    """
    model = expert.model
    prompt = inquiry_prompt(model, expert.style, inquiry, case)
    task = Task(
        streams={"closed": start(model.prefill([prompt.ids], shared=[prompt.shared]))[0]},
        strategy=OneStream("closed"),
        max_new_tokens=max_new_tokens,
        stop=prompt.stop,
    )
    said = decode(model, [task], cancelled=cancelled)[0]
    whole = said.finish in {"end", "stop"}
    return Written(said.text, len(prompt.ids), len(said.tokens), whole)
