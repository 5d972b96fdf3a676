"""LangChain's messages as a conversation of ours.

Importing this module imports langchain-core, which takes about a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from langchain_core.messages import BaseMessage, ChatMessage

from rag_router.conversations import Conversation, Turn

__all__ = ["conversation_of"]

_WHO: Final[dict[str, Literal["user", "assistant"]]] = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    # Pieces of a stream are messages, too.
    "HumanMessageChunk": "user",
    "AIMessageChunk": "assistant",
}
_INSTRUCTING: Final = frozenset({"system", "developer", "SystemMessageChunk"})


def conversation_of(messages: Sequence[BaseMessage]) -> Conversation:
    """Read messages; what tools said, and what is no text, is left out."""
    told: list[str] = []
    turns: list[Turn] = []
    for message in messages:
        role = message.role if isinstance(message, ChatMessage) else message.type
        text = str(message.text)
        if role in _INSTRUCTING:
            told.append(text)
        elif (who := _WHO.get(role)) is not None and (text or who == "user"):
            turns.append(Turn(who, text))
    return Conversation("\n".join(filter(None, told)), tuple(turns))
