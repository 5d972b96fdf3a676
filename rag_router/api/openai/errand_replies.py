"""Replies to errands: in the form their frontend reads, whatever the model wrote.

The smallest model at hand writes one line, nothing is looked up, and a rule stands in where that
line is of no use. The form is ours, so that it can always be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Final

from rag_router.api.openai.errands import Errand
from rag_router.conversations.condensing import condense
from rag_router.conversations.turns import Turn
from rag_router.models.prompts import Inquiry

__all__ = ["reply_to"]

Write = Callable[[Inquiry, Sequence[str]], str]
"""Writes a line; empty where nothing could be written."""

_TITLE: Final = Inquiry(
    name="title",
    instruction="Give each conversation a title of two to five words.",
    cue="Title:",
    examples=(
        (
            ("User: How do I get red wine out of a carpet?", "Assistant: With salt and water."),
            "Removing Wine Stains",
        ),
        (
            ("User: when did the berlin wall fall", "Assistant: 9 November 1989"),
            "Fall of the Berlin Wall",
        ),
        (("User: Which bread needs no kneading?",), "Bread Without Kneading"),
    ),
)
_TAGS: Final = Inquiry(
    name="tags",
    instruction="Name the one to three fields that each conversation is about.",
    cue="Fields:",
    examples=(
        (("User: How heavy is the moon?", "Assistant: 7.3e22 kg"), "Science, Astronomy"),
        (("User: when did the berlin wall fall", "Assistant: 1989"), "History, Politics"),
        (("User: Which bread needs no kneading?",), "Cooking"),
    ),
)
_NEXT: Final = Inquiry(
    name="follow_up",
    instruction="Write what the user may ask next.",
    cue="Next question:",
    examples=(
        (("User: How heavy is the moon?", "Assistant: 7.3e22 kg"), "How far away is the moon?"),
        (
            ("User: when did the berlin wall fall", "Assistant: 9 November 1989"),
            "Why was the Berlin Wall built?",
        ),
        (
            ("User: Who wrote Faust?", "Assistant: Goethe"),
            "What else did Goethe write?",
        ),
    ),
)
_SHOWN_TURNS: Final = 4
_SHOWN_CHARACTERS: Final = 240
_TITLE_WORDS: Final = 8
_TITLE_CHARACTERS: Final = 60
_EMPTY: Final = """
    a an the of in on at to for with is are was were do does did i you it me my please can could
    what who when where which how why whom whose and or about tell explain
"""
_EMPTY_WORDS: Final = frozenset(_EMPTY.split())
_WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def reply_to(errand: Errand, talk: Sequence[tuple[str, str]], write: Write, *, plain: bool) -> str:
    """Run an errand.

    Args:
        errand: What is wanted.
        talk: What was said: who, and what.
        write: Writes a line of some others.
        plain: Whether a title is wanted by itself, rather than as JSON.
    """
    shown = [f"{who.capitalize()}: {text[:_SHOWN_CHARACTERS]}" for who, text in talk]
    shown = shown[-_SHOWN_TURNS:] or ["User: "]
    asked = next((text for who, text in reversed(talk) if who == "user"), "")
    if errand == "title":
        title = _title(write(_TITLE, shown)) or _from_words(asked)
        return title if plain else json.dumps({"title": title}, ensure_ascii=False)
    if errand == "tags":
        return json.dumps({"tags": _tags(write(_TAGS, shown))}, ensure_ascii=False)
    if errand == "follow_ups":
        follow_up = _question(write(_NEXT, shown))
        said = {text.strip().lower() for _, text in talk}
        follow_ups = [follow_up] if follow_up and follow_up.lower() not in said else []
        return json.dumps({"follow_ups": follow_ups}, ensure_ascii=False)
    if errand == "queries":
        return json.dumps({"queries": _queries(talk, write)}, ensure_ascii=False)
    if errand == "image_prompt":
        return json.dumps({"prompt": " ".join(asked.split())}, ensure_ascii=False)
    # A text that is not continued, a face that is not made, and no tool: nothing is also a reply.
    return {"autocomplete": '{"text": ""}', "emoji": "💬", "tools": '{"tool_calls": []}'}[errand]


def _queries(talk: Sequence[tuple[str, str]], write: Write) -> list[str]:
    turns = [Turn("user" if who == "user" else "assistant", text) for who, text in talk]
    last = max((n for n, turn in enumerate(turns) if turn.who == "user"), default=None)
    if last is None or not turns[last].text.strip():
        return []
    one = condense(turns[last].text, turns[:last], write)
    return list(one.queries or (one.question,))


def _title(written: str) -> str:
    """Return a title if a model has written one; empty if that cannot be one."""
    title = written.strip(" \"'“”*#.:;,!")
    if not title or len(title) > _TITLE_CHARACTERS or len(title.split()) > _TITLE_WORDS:
        return ""
    return title


def _from_words(asked: str) -> str:
    """A title of the first words of a question that say anything."""
    words = [w for w in _WORD.findall(asked[:_SHOWN_CHARACTERS]) if w.lower() not in _EMPTY_WORDS]
    title = " ".join(word if word[0].isupper() else word.capitalize() for word in words[:5])
    return title[:_TITLE_CHARACTERS] or "New Chat"


def _tags(written: str) -> list[str]:
    tags = [tag.strip().strip("\"'.*#").strip() for tag in written.split(",")]
    tags = [tag for tag in tags if tag and len(tag.split()) <= 3 and len(tag) <= 40]
    return list(dict.fromkeys(tags))[:3] or ["General"]


def _question(written: str) -> str:
    line = written.strip()
    return line if line.endswith("?") and len(line.split()) > 2 else ""
