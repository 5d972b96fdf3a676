"""Errands that a frontend runs beside a chat, told from questions: titles, tags, follow-ups.

They reach the same model as the questions do, and must not go through the pipeline: a title is
nothing to look up, nor to abstain from. Three things tell them: a header that the frontend is
configured to send, the exact signature of a frontend's own template, and the wording of a prompt
for titles. `### Task:` alone tells nothing: frontends put it before questions with documents, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from rag_router.conversations import Conversation

__all__ = ["Errand", "errand_of", "talk_of"]

Errand = Literal[
    "title", "tags", "follow_ups", "queries", "autocomplete", "image_prompt", "emoji", "tools"
]
"""What is wanted."""

_HEADERS: Final[Mapping[str, Errand]] = {
    "title_generation": "title",
    "tags_generation": "tags",
    "follow_up_generation": "follow_ups",
    "query_generation": "queries",
    "autocomplete_generation": "autocomplete",
    "image_prompt_generation": "image_prompt",
    "emoji_generation": "emoji",
    "function_calling": "tools",
}
"""What Open WebUI calls its errands."""

_SIGNATURES: Final[tuple[tuple[str, Errand], ...]] = (
    ('{ "title": "your concise title here" }', "title"),
    ('{ "tags": ["tag1", "tag2", "tag3"] }', "tags"),
    ('{ "follow_ups": ["question 1?"', "follow_ups"),
    ('{ "queries": ["query1", "query2"] }', "queries"),
    ('{ "text": "<your_completion>" }', "autocomplete"),
    ('{ "prompt": "your detailed description here." }', "image_prompt"),
)
"""The line of each template that shows the form of the reply."""

_TITLES: Final = (
    ("provide a concise, 5-word-or-less title", "return the title itself"),
    ("analyze this conversation and provide", "title in the detected language"),
)
"""How LibreChat asks for titles; all words of a line must be there."""

_HISTORY: Final = re.compile(r"<chat_history>(.*?)</chat_history>", re.DOTALL)
_SAID: Final = re.compile(r"^(user|assistant|human|ai)\s*:\s*", re.IGNORECASE | re.MULTILINE)


def errand_of(conversation: Conversation, header: str | None) -> Errand | None:
    """Tell what a frontend wants; None where a person asks.

    Args:
        conversation: What was sent.
        header: The header for errands, where it was sent; empty on ordinary turns.
    """
    if header and (named := _HEADERS.get(header.strip().lower())):
        return named
    text = _whole(conversation)
    folded = " ".join(text.lower().split())
    if any(all(words in folded for words in title) for title in _TITLES):
        return "title"
    if text.lstrip().startswith("### Task:") and "<chat_history>" in text:
        # What was said may quote anything; the template ends where it begins.
        template = folded.partition("<chat_history>")[0]
        return next((errand for line, errand in _SIGNATURES if line in template), None)
    return None


def talk_of(conversation: Conversation) -> list[tuple[str, str]]:
    """Return what was said in the chat that an errand is about: who said what, the oldest first."""
    text = _whole(conversation)
    history = _HISTORY.findall(text)
    _, _, behind = text.partition("Conversation:\n")
    said = history[-1] if history else behind
    if not said:
        return [(turn.who, turn.text) for turn in conversation.turns]
    # What stands before the first speaker is nobody's.
    _, *pieces = _SAID.split(said)
    if not pieces:
        return [("user", said.strip())]
    speakers, texts = pieces[::2], pieces[1::2]
    return [
        ("user" if speaker.lower() in {"user", "human"} else "assistant", text.strip())
        for speaker, text in zip(speakers, texts, strict=True)
    ]


def _whole(conversation: Conversation) -> str:
    """The text of the one message that an errand is; some frontends send it as instructions."""
    users = [turn.text for turn in conversation.turns if turn.who == "user"]
    return users[-1] if users else conversation.instructions
