"""Reliance on memory, asked of experts of which not every one has a decoder with that knob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag_router.decoders.knob import require_knob
from rag_router.experts.card import Card
from rag_router.orchestrator.ask import Ask
from rag_router.types import Degradation

__all__ = ["as_it_can_be_asked", "require_a_knob"]


def require_a_knob(allowed: Sequence[Card], ask: Ask, without_knob: Mapping[str, str]) -> None:
    """Refuse a reliance that is out of range, or that none of those who may answer can be told.

    Args:
        allowed: Who may answer.
        ask: What the request wants.
        without_knob: Experts whose decoder has no such knob, and that decoder.

    Raises:
        UsageError: it is refused.
    """
    if ask.reliance is not None:
        lacking = [without_knob.get(card.name, "") for card in allowed]
        require_knob(ask.reliance, lacking if all(lacking) else [])


def as_it_can_be_asked(
    name: str, ask: Ask, without_knob: Mapping[str, str]
) -> tuple[Ask, tuple[Degradation, ...]]:
    """Return how an expert is asked, and a note of what it cannot be told.

    Args:
        name: The expert's.
        ask: What the request wants.
        without_knob: Experts whose decoder has no such knob, and that decoder.
    """
    if ask.reliance is None or name not in without_knob:
        return ask, ()
    decoder = without_knob[name]
    what = f"{name} relies on memory as it is set: its decoder {decoder!r} has no knob for it"
    return replace(ask, reliance=None), (Degradation(stage="decode", what=what),)
