"""Open indices that follow what is published, so that a service need not be started again.

Before each request the pointer of each index is looked at, which costs one `stat`. Where it has
changed, the newest generation is opened in the place of the one before; whoever is reading that
one finishes with it. A generation that cannot be opened leaves the one before in its place, unless
that may hold what has been erased since: then the index is not searched at all.

Indexes of the service's tenants are opened when their tenant asks for the first time, and nobody
comes upon them who does not name them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rag_router.errors import IndexUnavailableError, UnavailableError, UnknownNameError
from rag_router.indices.index import Index
from rag_router.indices.scenarios import scenario_library
from rag_router.indices.shelves import Stamp
from rag_router.store.naming import of_a_tenant

if TYPE_CHECKING:
    from rag_router.indices.library import Library
    from rag_router.indices.manifest import Manifest

__all__ = ["Following", "Latest", "Pin", "latest_of"]

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
class Pin:
    """Which generation of an index is meant, wherever a copy of it lies.

    Attributes:
        generation: Its number.
        created: When it was published: numbers begin anew where an index is removed and made again.
    """

    generation: int
    created: str

    @classmethod
    def of(cls, manifest: Manifest) -> Pin:
        """Return the pin of a generation."""
        return cls(manifest.generation, manifest.created)

    def __str__(self) -> str:
        return f"as generation {self.generation} of {self.created}"


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
        names: Which; None is all that there are but tenants', also those that come later. Of
            these, one that is removed is gone without a word.
        open_one: Opens the newest generation of one; None opens it as the library does.
        tolerant: Whether one that is broken is left out and told of, as it is later on, instead of
            being an error: a service starts with those that are whole.

    Raises:
        UnknownNameError: there is no such index.
        IndexUnavailableError: one is broken.
    """

    def __init__(
        self,
        library: Library,
        names: Iterable[str] | None = None,
        open_one: Callable[[str], Index] | None = None,
        *,
        tolerant: bool = False,
    ) -> None:
        self._library = library
        self._beside = scenario_library(library)
        self._open = open_one or library.open
        self._turn = Lock()
        self._all = names is None
        self._held = False
        # The stamp is taken first: what is published meanwhile is opened at the next look.
        self._kept = {
            name: self._first(name, tolerant=tolerant)
            for name in (_of_nobody(library.names()) if names is None else names)
        }

    def latest(self, within: Mapping[str, str] | None = None) -> Latest[Index]:
        """Open what was published since, and return everything that may be searched now.

        Args:
            within: What may be looked in: names of indexes, by what they are called here. No
                other is looked at; one of which nothing is published yet is left out. None is
                all that are followed, but tenants'.
        """
        if within is not None:
            return self._latest_within(within)
        if self._held:
            return Latest(dict(self))
        with self._turn:
            # Others may be looking at the ones that were kept: they are never changed in place.
            own = {name: self._now(name, name) for name in self._names()}
            tenants = {name: kept for name, kept in self._kept.items() if of_a_tenant(name)}
            self._kept = tenants | own
            notes = tuple(kept.note for kept in own.values() if kept.note)
            return Latest(dict(self), notes)

    def _latest_within(self, within: Mapping[str, str]) -> Latest[Index]:
        with self._turn:
            if self._held:
                found = {called: self._kept.get(name) for called, name in within.items()}
            else:
                found = {called: self._there(name, called) for called, name in within.items()}
                now = {within[called]: kept for called, kept in found.items() if kept is not None}
                gone = set(within.values()) - now.keys()
                left = {name: kept for name, kept in self._kept.items() if name not in gone}
                self._kept = left | now
        kept = {called: one for called, one in found.items() if one is not None}
        there = {called: one.index for called, one in kept.items() if one.index is not None}
        return Latest(there, tuple(one.note for one in kept.values() if one.note))

    def _there(self, name: str, called: str) -> _Kept | None:
        """One index as it is now; None where it is not followed, or nothing is published of it."""
        if self._all:
            return self._now(name, called) if self._library.stamp(name) is not None else None
        return self._now(name, called) if name in self._kept else None

    def hold(self, wanted: Mapping[str, Pin] | None = None) -> None:
        """Follow no longer: from now on, nothing is newer than the generations that are open.

        Args:
            wanted: The generations to open, by name, and nothing else; None is what is open.

        Raises:
            IndexUnavailableError: one is not there any more, or may not be shown.
        """
        with self._turn:
            if wanted is not None:
                self._kept = {name: self._pinned(name, pin) for name, pin in wanted.items()}
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
        found = (name for name, kept in self._kept.items() if kept.index is not None)
        return iter(_of_nobody(found))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _names(self) -> list[str]:
        return _of_nobody(self._library.names()) if self._all else list(self._kept)

    def _first(self, name: str, *, tolerant: bool) -> _Kept:
        stamps = self._stamps(name)
        try:
            return _Kept(stamps, self._open(name))
        except UnavailableError as exc:
            if not tolerant:
                raise
            return _Kept(stamps, None, f"index {name} is not searched: {exc}")

    def _now(self, name: str, called: str) -> _Kept:
        stamps, kept = self._stamps(name), self._kept.get(name)
        if kept is not None and kept.stamps == stamps:
            return kept
        return self._renewed(name, kept or _Kept(stamps, None), stamps, called)

    def _pinned(self, name: str, pin: Pin) -> _Kept:
        kept = self._kept.get(name) or _Kept((None, None), None)
        index = kept.index
        if index is not None and Pin.of(index.manifest) == pin:
            return kept
        gone = IndexUnavailableError(
            f"index {name} is wanted {pin}, which is not there any more.",
            hint="Publish nothing while it is read; or begin anew with what is there now.",
        )
        shelf = self._library.shelf(name)
        try:
            manifest = shelf.check(pin.generation)
        except IndexUnavailableError as exc:
            raise gone from exc
        if index is None or Pin.of(manifest) != pin or not shelf.stands(manifest):
            raise gone
        older = Index.open(shelf.generation(pin.generation), manifest)
        older.encoder, older.scenarios = index.encoder, index.scenarios
        return _Kept(kept.stamps, older)

    def _stamps(self, name: str) -> tuple[Stamp, Stamp]:
        return self._library.stamp(name), self._beside.stamp(name)

    def _renewed(self, name: str, kept: _Kept, stamps: tuple[Stamp, Stamp], called: str) -> _Kept:
        try:
            opened = self._open(name)
        except UnknownNameError:
            return _Kept(stamps, None, f"index {called} was removed")
        except UnavailableError as exc:
            # Whoever asks knows the index by another name, and is told no other.
            why = str(exc).replace(name, called)
            before = kept.index
            if before is not None and self._library.shelf(name).stands(before.manifest):
                old = f"generation {before.manifest.generation} of index {called} is searched"
                return _Kept(stamps, before, f"{old}, for the newest cannot be opened: {why}")
            return _Kept(stamps, None, f"index {called} is not searched: {why}")
        # What a tenant calls it is settled when it is made, and its passages say so.
        opened.name = called
        return _Kept(stamps, opened)


def latest_of(indices: Mapping[str, T], within: Mapping[str, str] | None = None) -> Latest[T]:
    """Return what is to be searched now: the newest of what is followed, else what is given.

    Args:
        indices: By name.
        within: Names of those that may be looked in, by what they are called; None is all.
    """
    if not isinstance(indices, Following):
        if within is None:
            return Latest(indices)
        some = {called: indices[name] for called, name in within.items() if name in indices}
        return Latest(some)
    # What is followed are indices, and whoever asks takes them for what they are.
    latest: Latest[Any] = indices.latest(within)
    return latest


def _of_nobody(names: Iterable[str]) -> list[str]:
    return [name for name in names if not of_a_tenant(name)]
