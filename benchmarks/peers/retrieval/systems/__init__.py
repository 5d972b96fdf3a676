"""What searches: one file for each library, one name for each way it is set up.

The contract: `VARIANTS` maps names to what builds a searcher, `LIBRARIES` names the distributions
whose versions are recorded. Building a searcher loads models; `index` takes the corpus, and is
timed; `search` returns the ids of the best documents, best first, and is timed for every query.
A library is imported where its searcher is built, because each lives in its own environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

SYSTEMS = ("bm25s", "rank_bm25", "txtai", "haystack", "ours")


@dataclass(frozen=True, slots=True)
class Text:
    """A document as all systems see it: the title is the text's first line."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Given:
    """What a searcher may need: the corpus's file, and the folder of the embedder."""

    corpus: Path
    embedder: Path | None


class Searcher(Protocol):
    """Finds documents for one query at a time."""

    def index(self, documents: Sequence[Text]) -> None: ...

    def search(self, query: str, k: int) -> Sequence[str]: ...


class System(Protocol):
    """A module of this package."""

    VARIANTS: Mapping[str, Callable[[Given], Searcher]]
    LIBRARIES: Sequence[str]


def system(name: str) -> System:
    return import_module(f"{__name__}.{name}")  # type: ignore[return-value]  # a module is one
