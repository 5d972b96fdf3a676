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
        names: Which; None is all that there are, also those that come later. Of these, one that
            is removed is gone without a word.
        open_one: Opens the newest generation of one; None opens it as the library does.

    Raises:
        UnknownNameError: there is no such index.
        IndexUnavailableError: one is broken.
    """

    def __init__(
        self,
        library: Library,
        names: Iterable[str] | None = None,
        open_one: Callable[[str], Index] | None = None,
    ) -> None:
        self._library = library
        self._beside = scenario_library(library)
        self._open = open_one or library.open
        self._turn = Lock()
        self._all = names is None
        self._held = False
        # The stamp is taken first: what is published meanwhile is opened at the next look.
        self._kept = {
            name: _Kept(self._stamps(name), self._open(name))
            for name in (library.names() if names is None else names)
        }

    def latest(self) -> Latest[Index]:
        """Open what was published since, and return everything that may be searched now."""
        if self._held:
            return Latest(dict(self))
        with self._turn:
            # Others may be looking at the ones that were kept: they are never changed in place.
            self._kept = {name: self._now(name) for name in self._names()}
            notes = tuple(kept.note for kept in self._kept.values() if kept.note)
            return Latest(dict(self), notes)

    def hold(self) -> None:
        """Follow no longer: from now on, the generations that are open are the newest."""
        with self._turn:
            self._held = True

    def newer(self) -> dict[str, int]:
        """Return what was published since, as generations by name; none of it is opened.

        An index that was removed since counts as generation 0.
        """
        found: dict[str, int] = {}
        for name, index in self.items():
            try:
                now = self._library.manifest(name).generation
            except UnknownNameError:
                now = 0
            if now != index.manifest.generation:
                found[name] = now
        return found

    def __getitem__(self, name: str) -> Index:
        index = self._kept[name].index
        if index is None:
            raise KeyError(name)
        return index

    def __iter__(self) -> Iterator[str]:
        return (name for name, kept in self._kept.items() if kept.index is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _names(self) -> list[str]:
        return self._library.names() if self._all else list(self._kept)

    def _now(self, name: str) -> _Kept:
        stamps, kept = self._stamps(name), self._kept.get(name)
        if kept is not None and kept.stamps == stamps:
            return kept
        return self._renewed(name, kept or _Kept(stamps, None), stamps)

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
