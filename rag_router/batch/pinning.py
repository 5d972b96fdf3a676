"""A service as a job uses it: with the indexes as they are now, and without a hurry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from rag_router.batch.local import Answers
from rag_router.errors import UnknownNameError
from rag_router.indices.following import Following, Pin, latest_of
from rag_router.orchestrator import Orchestrator

if TYPE_CHECKING:
    from rag_router.indices.library import Library

__all__ = ["hold", "overtaken", "overtaken_since", "pinned", "sharing_passages"]

S = TypeVar("S", bound=Answers)


def pinned(service: S) -> S:
    """Return a service that looks in the generations that are the newest now, to the end.

    Nobody waits for a single answer of a job, so that none is cut short after so many seconds.
    """
    if isinstance(service, Orchestrator):
        changed = replace(service, indices=latest_of(service.indices).indices, answer_seconds=None)
        return changed
    return service


def hold(service: Answers, wanted: Mapping[str, Pin] | None = None) -> None:
    """Let a service that nobody else uses follow its indexes no longer, whoever answers in it.

    Args:
        service: Who answers.
        wanted: The generations to look in, by name; None is what it has opened.

    Raises:
        IndexUnavailableError: one is not there any more.
    """
    followed = getattr(service, "indices", None)
    if isinstance(followed, Following):
        followed.hold(wanted)


def sharing_passages(service: S) -> S:
    """Return a service that reads passages once of which several questions are asked."""
    if isinstance(service, Orchestrator):
        style = replace(service.expert.style, shared_passages=True)
        return replace(service, expert=replace(service.expert, style=style))
    return service


def overtaken(followed: object) -> list[str]:
    """Say which indexes have been published anew since they were opened, in words."""
    if not isinstance(followed, Following):
        return []
    return [
        _meanwhile(name, now, followed[name].manifest.generation)
        for name, now in sorted(followed.newer().items())
    ]


def overtaken_since(library: Library, wanted: Mapping[str, Pin]) -> list[str]:
    """Say the same of generations that others have opened, wherever they are."""
    told = []
    for name, pin in sorted(wanted.items()):
        try:
            now = library.manifest(name)
        except UnknownNameError:
            told.append(_meanwhile(name, 0, pin.generation))
        else:
            if Pin.of(now) != pin:
                told.append(_meanwhile(name, now.generation, pin.generation))
    return told


def _meanwhile(name: str, now: int, before: int) -> str:
    what = "published anew" if now else "removed"
    return f"index {name} was {what} meanwhile: all answers are from generation {before}"
