"""Bringing filters the models of their own that their settings name.

Constructors do no I/O. Whoever assembles equips what was built: a model that is there is loaded,
none is fetched, and a filter that must do without its model keeps everything and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from rag_router.models.store import LocalModel

__all__ = ["EquippableFilter", "Find", "equipped", "lacking"]

Find = Callable[[str], "LocalModel | None"]
"""Finds a model by name; None where it was never fetched."""


@runtime_checkable
class EquippableFilter(Protocol):
    """A filter that asks a model of its own."""

    @property
    def lacks(self) -> tuple[str, ...]:
        """What it does without, in words; empty where it is whole."""

    @property
    def model_fingerprint(self) -> str:
        """Of its model, which what it learns is bound to; empty without one."""

    def equipped(self, find: Find) -> Self:
        """Return it with its model loaded.

        Raises:
            ModelError: what the settings name is there, and not such a model, or broken.
        """


def equipped(one: object, find: Find) -> object:
    """Return a filter with its model, if it asks one and that is there."""
    return one.equipped(find) if isinstance(one, EquippableFilter) else one


def lacking(one: object) -> tuple[str, ...]:
    """Say what a filter does without."""
    return one.lacks if isinstance(one, EquippableFilter) else ()
