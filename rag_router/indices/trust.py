"""How far each index is trusted: as the settings say, and else by how its documents came in.

What came over the API was written by whoever could reach it, and nobody here has looked at it: an
index that holds any of it is trusted as uploads are (OWASP LLM05; Zou et al. 2024, "PoisonedRAG",
arXiv 2402.07867). What was added on this machine was chosen by whoever runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rag_router.settings import GIVEN

if TYPE_CHECKING:
    from rag_router.indices.index import Index

__all__ = ["IndexTrust"]


class IndexTrust(Mapping[str, float]):
    """Trust by the name of an index, looked up when it is asked for: indexes come and change.

    It lists what is named, and what is trusted less than fully; all else is 1.

    Args:
        named: What the settings say, by name, in [0, 1]; always counts.
        uploads: How far an index is trusted that holds uploads, in [0, 1]; so is one that cannot
            be looked at any more, since nobody knows what it held.
        indexes: What is looked in; each as it was opened last.
    """

    def __init__(
        self, named: Mapping[str, float], *, uploads: float, indexes: Mapping[str, Index]
    ) -> None:
        self._named = named
        self._uploads = uploads
        self._indexes = indexes

    def __getitem__(self, name: str) -> float:
        if name in self._named:
            return self._named[name]
        # Passages that came with the question are the asker's own.
        if name in ("", GIVEN):
            raise KeyError(name)
        index = self._indexes.get(name)
        return self._uploads if index is None or index.manifest.uploaded else 1.0

    def __iter__(self) -> Iterator[str]:
        yield from self._named
        for name in self._indexes:
            if name not in self._named and self[name] < 1.0:
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)
