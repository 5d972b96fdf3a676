"""Bringing retrievers the heavy parts that their settings name: models, artefacts, stores.

Constructors do no I/O. Whoever assembles equips what was built: parts that are there are loaded,
nothing is fetched, and a retriever that must do without one says so in `lacks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from rag_router.models.base import Embedder
    from rag_router.models.cross_encoder import CrossEncoder
    from rag_router.retrievers.base import Retriever

__all__ = ["Equipment", "Equippable", "equipped", "lacking"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """Where parts come from.

    Attributes:
        embedder: What embeds the questions; None where there is nothing to look in.
        cross_encoder: Loads one by the model's name; None where it was never fetched.
    """

    embedder: Embedder | None
    cross_encoder: Callable[[str], CrossEncoder | None]


@runtime_checkable
class Equippable(Protocol):
    """A retriever that wants parts."""

    @property
    def lacks(self) -> tuple[str, ...]:
        """What it does without, in words; empty where it is whole."""

    def equipped(self, equipment: Equipment) -> Retriever:
        """Return it with its parts loaded.

        Raises:
            UnavailableError: a part is broken. One that is merely not there is done without.
        """


def equipped(retriever: T, equipment: Equipment) -> T:
    """Return a retriever with its own parts and those of all whom it asks."""
    changes = {}
    for name, value in _held(retriever):
        fresh: Any = value
        if isinstance(value, tuple):
            fresh = tuple(equipped(one, equipment) for one in value)
        elif is_dataclass(value):
            fresh = equipped(value, equipment)
        if fresh is not value and fresh != value:
            changes[name] = fresh
    if changes:
        retriever = replace(retriever, **changes)  # type: ignore[type-var]  # _held asks for it
    if isinstance(retriever, Equippable):
        whole: Any = retriever.equipped(equipment)
        return whole  # type: ignore[no-any-return]  # equipping keeps the kind
    return retriever


def lacking(retriever: object) -> list[str]:
    """Say what a retriever, and all whom it asks, do without."""
    said = list(retriever.lacks) if isinstance(retriever, Equippable) else []
    for _, value in _held(retriever):
        for one in value if isinstance(value, tuple) else (value,):
            said += lacking(one)
    return list(dict.fromkeys(said))


def _held(component: object) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a component of ours that may hold others."""
    if not is_dataclass(component) or isinstance(component, type):
        return
    for field in fields(component):
        value = getattr(component, field.name)
        if is_dataclass(value) or (isinstance(value, tuple) and any(map(is_dataclass, value))):
            yield field.name, value
