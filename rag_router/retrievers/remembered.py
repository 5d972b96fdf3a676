"""What is worked out once for each index that is open, and forgotten with it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any, Generic, TypeVar

__all__ = ["PerIndex"]

T = TypeVar("T")


class PerIndex(Generic[T]):
    """A function of an index whose result is kept for as long as the index is.

    Args:
        make: Works it out.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._kept: dict[int, tuple[Any, T]] = {}
        self._turn = Lock()

    def of(self, index: Any) -> T:
        """Return what belongs to this index, of all things called equal to it."""
        with self._turn:
            kept = self._kept.get(id(index))
            if kept is None or kept[0]() is not index:
                gone = weakref.ref(index, partial(self._forget, id(index)))
                kept = self._kept[id(index)] = (gone, self._make(index))
            return kept[1]

    def _forget(self, key: int, gone: object) -> None:
        # Another index may have taken the number of one that is no more.
        kept = self._kept.get(key)
        if kept is not None and kept[0] is gone:
            del self._kept[key]
