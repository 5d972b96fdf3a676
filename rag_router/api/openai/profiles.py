"""How sources are shown: each frontend reads something else, and none reads it all.

`strict` keeps to the interface: `annotations` of the kind `url_citation`. `openwebui` tells of
sources and stages by that frontend's own events, which it shows and keeps with the passages' text,
and marks the answer with their numbers. `librechat` reads neither: it gets the numbers, and a list
of sources in Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from rag_router.api.openai.harmless import harmless
from rag_router.api.openai.schemas import Profile
from rag_router.api.openai.sources import Source, marked
from rag_router.orchestrator.events import (
    Accepted,
    Event,
    Filtered,
    GateVerdict,
    Planned,
    Retrieved,
    Routed,
)
from rag_router.types import Answer

__all__ = ["FAILED", "answer_text", "closing_status", "source_events", "status_of"]
__all__ += ["url_citations"]

FAILED: Final[dict[str, Any]] = {
    "event": {"type": "status", "data": {"description": "Something went wrong", "done": True}}
}
"""The last status where there is no answer."""

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()<>#+!|~-])")
_SCHEME: Final = re.compile(r"^\s*(https?|ftp|file|data|javascript):", re.IGNORECASE)
_PLANS: Final = {
    "parametric": "Answering from memory",
    "contextual": "Answering from what was found",
    "contrast": "Weighing memory against what was found",
    "abstain": "Neither memory nor what was found will do",
}


def answer_text(answer: Answer, sources: Sequence[Source], profile: Profile, said: str) -> str:
    """Return what is still to be said.

    Args:
        answer: The answer.
        sources: What it cites.
        profile: How they are shown.
        said: The beginning of the answer that was said before; empty if nothing was.
    """
    text = harmless(answer.message)
    if said and not text.startswith(said):
        # What was said cannot be taken back; what holds stands below it.
        said, text = "", f"\n\n{text}"
    if profile == "strict" or not sources:
        return text[len(said) :]
    # The text of an answer with several sides has the numbers in it already.
    numbered = text if answer.disagreement else marked(text, sources)
    if said:
        numbers = "".join(f"[{source.number}]" for source in sources)
        numbered = f"{text[len(said) :]} {numbers}"
    return numbered + (_footer(sources) if profile == "librechat" else "")


def url_citations(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Return sources as the interface has them; offsets are characters of the answer."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": start,
                "end_index": end,
                "title": source.title,
                "url": source.url,
            },
        }
        for source in sources
        for start, end in source.spans
    ]


def source_events(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Return sources as Open WebUI's events, in the order of their numbers."""
    return [
        {
            "event": {
                "type": "source",
                "data": {
                    "source": {"name": _title(one), "id": _name(one)} | _linked(one),
                    "document": [harmless(one.text)],
                    "metadata": [{"source": _name(one), "name": _title(one)} | _linked(one)],
                    # Raw similarities tell strangers what stands in an index; a support does not.
                    **({} if one.support is None else {"distances": [round(one.support, 4)]}),
                },
            }
        }
        for one in sources
    ]


def status_of(event: Event) -> dict[str, Any] | None:
    """Return a stage as Open WebUI's event; None for one that a person need not hear of."""
    text = _told(event)
    return _status(text, done=False) if text else None


def closing_status(answer: Answer, sources: Sequence[Source]) -> dict[str, Any]:
    """Return the last status: whatever was going on is over."""
    if answer.abstained:
        return _status(f"No answer: {answer.reason.replace('_', ' ')}", done=True)
    if sources:
        return _status(f"Answered from {_count(len(sources), 'passage')}", done=True)
    return _status("Answered from memory", done=True)


def _told(event: Event) -> str:
    if isinstance(event, Accepted):
        return "Waiting for its turn"
    if isinstance(event, GateVerdict):
        doing = "looking it up" if event.advised else "no need to look it up"
        return f"Known with {event.p_know:.0%}: {doing}"
    if isinstance(event, Routed) and event.retrievers:
        return f"Looked in {', '.join(one.name for one in event.retrievers)}"
    if isinstance(event, Retrieved) and event.looked:
        return f"Found {_count(len(event.found), 'passage')}"
    if isinstance(event, Filtered):
        kept = sum(one.kept for one in event.judged)
        return f"Reading {kept} of {_count(len(event.judged), 'passage')}"
    return _PLANS[event.plan] if isinstance(event, Planned) else ""


def _status(text: str, *, done: bool) -> dict[str, Any]:
    return {"event": {"type": "status", "data": {"description": text, "done": done}}}


def _footer(sources: Sequence[Source]) -> str:
    lines = [f"{one.number}. {_link(one)}" for one in sources]
    return "\n\n**Sources**\n\n" + "\n".join(lines)


def _link(source: Source) -> str:
    title = _MARKDOWN.sub(r"\\\1", source.title)
    return f"[{title}]({source.url})" if source.on_the_web else title


def _title(source: Source) -> str:
    """A title that the frontend does not take for an address, or for markup."""
    return harmless(_SCHEME.sub(r"\1∶", source.title))


def _name(source: Source) -> str:
    """What it goes by; the frontend makes a link of a name that begins like an address."""
    name = f"{source.index}:{source.id}"
    return f"urn:{name}" if _SCHEME.match(name) else name


def _linked(source: Source) -> dict[str, str]:
    return {"url": source.url} if source.on_the_web else {}


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
