"""A conversation as it was sent, made into turns of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rag_router.api.openai.schemas import Message
from rag_router.conversations import Conversation, Turn
from rag_router.errors import QuestionError

__all__ = ["conversation_of"]

_TEXTS: Final = frozenset({"text", "input_text", "output_text", "refusal"})
_INSTRUCTING: Final = frozenset({"system", "developer"})


def conversation_of(messages: Sequence[Message]) -> Conversation:
    """Read a conversation.

    Raises:
        QuestionError: a message has parts that are no text.
    """
    told: list[str] = []
    turns: list[Turn] = []
    for message in messages:
        text = _text(message.content)
        if message.role in _INSTRUCTING:
            told.append(text)
        elif message.role == "user":
            turns.append(Turn("user", text))
        elif message.role == "assistant" and text:
            turns.append(Turn("assistant", text))
    return Conversation("\n".join(filter(None, told)), tuple(turns))


def _text(content: str | Sequence[dict[str, Any]] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for part in content:
        kind = str(part.get("type", "text"))
        if kind not in _TEXTS:
            raise QuestionError(
                f"a message has a part of the type {kind!r}; only text is read.",
                hint="Leave images, sounds and files out, or add documents to an index.",
            )
        texts.append(str(part.get("text") or part.get("refusal") or ""))
    return "\n".join(filter(None, texts))
