"""Open indices that follow what is published, so that a service need not be started again.

Before each request the pointer of each index is looked at, which costs one `stat`. Where it has
changed, the newest generation is opened in the place of the one before; whoever is reading that
one finishes with it. A generation that cannot be opened leaves the one before in its place, unless
that may hold what has been erased since: then the index is not searched at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rag_router.errors import UnavailableError, UnknownNameError
from rag_router.indices.index import Index
from rag_router.indices.scenarios import scenario_library
from rag_router.indices.shelves import Stamp

if TYPE_CHECKING:
    from rag_router.indices.library import Library

__all__ = ["Following", "Latest", "latest_of"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Latest(Generic[T]):
    """What there is to look in at one moment.

    Attributes:
        indices: By name.
        notes: What is not as it was published, in words.
    """

    indices: Mapping[str, T]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kept:
    """An index as it was opened last; None where it may not be shown any more."""

    stamps: tuple[Stamp, Stamp]
    index: Index | None
    note: str = ""


class Following(Mapping[str, Index]):
    """Indices of a library, each as it was opened last; `latest` looks whether there is a newer.

    Args:
        library: Where they are.
        names: Which.
        open_one: Opens the newest generation of one; None opens it as the library does.

    Raises:
        UnknownNameError: there is no such index.
        IndexUnavailableError: one is broken.
    """

    def __init__(
        self,
        library: Library,
        names: Iterable[str],
        open_one: Callable[[str], Index] | None = None,
    ) -> None:
        self._library = library
        self._beside = scenario_library(library)
        self._open = open_one or library.open
        self._turn = Lock()
        # The stamp is taken first: what is published meanwhile is opened at the next look.
        self._kept = {name: _Kept(self._stamps(name), self._open(name)) for name in names}

    def latest(self) -> Latest[Index]:
        """Open what was published since, and return everything that may be searched now."""
        with self._turn:
            for name, kept in self._kept.items():
                stamps = self._stamps(name)
                if stamps != kept.stamps:
                    self._kept[name] = self._renewed(name, kept, stamps)
            notes = tuple(kept.note for kept in self._kept.values() if kept.note)
            return Latest(dict(self), notes)

    def __getitem__(self, name: str) -> Index:
        index = self._kept[name].index
        if index is None:
            raise KeyError(name)
        return index

    def __iter__(self) -> Iterator[str]:
        return (name for name, kept in self._kept.items() if kept.index is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _stamps(self, name: str) -> tuple[Stamp, Stamp]:
        return self._library.stamp(name), self._beside.stamp(name)

    def _renewed(self, name: str, kept: _Kept, stamps: tuple[Stamp, Stamp]) -> _Kept:
        try:
            return _Kept(stamps, self._open(name))
        except UnknownNameError:
            return _Kept(stamps, None, f"index {name} was removed")
        except UnavailableError as exc:
            before = kept.index
            if before is not None and self._library.shelf(name).stands(before.manifest):
                old = f"generation {before.manifest.generation} of index {name} is searched"
                return _Kept(stamps, before, f"{old}, for the newest cannot be opened: {exc}")
            return _Kept(stamps, None, f"index {name} is not searched: {exc}")


def latest_of(indices: Mapping[str, T]) -> Latest[T]:
    """Return what is to be searched now: the newest of what is followed, else what is given."""
    if not isinstance(indices, Following):
        return Latest(indices)
    # What is followed are indices, and whoever asks takes them for what they are.
    latest: Latest[Any] = indices.latest()
    return latest
