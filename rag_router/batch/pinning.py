"""A service as a job uses it: with the indexes as they are now, and without a hurry."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from rag_router.batch.local import Answers
from rag_router.indices.following import Following, latest_of
from rag_router.orchestrator import Orchestrator

__all__ = ["hold", "overtaken", "pinned", "sharing_passages"]

S = TypeVar("S", bound=Answers)


def pinned(service: S) -> S:
    """Return a service that looks in the generations that are the newest now, to the end.

    Nobody waits for a single answer of a job, so that none is cut short after so many seconds.
    """
    if isinstance(service, Orchestrator):
        changed = replace(service, indices=latest_of(service.indices).indices, answer_seconds=None)
        return changed
    return service


def hold(service: Answers) -> None:
    """Let a service that nobody else uses follow its indexes no longer, whoever answers in it."""
    followed = getattr(service, "indices", None)
    if isinstance(followed, Following):
        followed.hold()


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
        f"index {name} was {'published anew' if now else 'removed'} meanwhile: "
        f"all answers are from generation {followed[name].manifest.generation}"
        for name, now in sorted(followed.newer().items())
    ]
