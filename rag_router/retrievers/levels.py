"""An index at five granularities: its passages, and pairs, fours, eights and sixteens of them.

Chunks of a level are those of `rag_router.indices.granularity`, read off the passages of each
document in their order, so that every index has all five and nothing more is stored. The terms of
a level are counted when it is first searched, and kept while its index is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.indices.contents import searchable
from rag_router.indices.granularity import LEVELS, aligned
from rag_router.indices.lexical import LexicalIndex, TermHit
from rag_router.retrievers.remembered import PerIndex
from rag_router.types import Passage

__all__ = ["Levels", "joined", "levels_of"]

_SEPARATOR = " > "


class Levels:
    """One index at all granularities; level 0 is the finest.

    Args:
        passages: All passages of the index in the order of their rows, which is that of their
            documents.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self.chunks = [_chunks(passages, level) for level in range(LEVELS)]
        self._chunk_of = [_chunk_of(chunks, len(passages)) for chunks in self.chunks]
        self._lexical: dict[int, LexicalIndex] = {}
        self._building = Lock()

    def __len__(self) -> int:
        return len(self._passages)

    def chunk_of(self, row: int, level: int) -> int:
        """The number of the chunk of this level that holds a passage."""
        return int(self._chunk_of[level][row])

    def passage(self, level: int, chunk: int, allowed: NDArray[np.bool_] | None) -> Passage:
        """Join the passages of a chunk that may be found."""
        rows = self.rows(level, chunk, allowed)
        return joined([self._passages[row] for row in rows])

    def rows(self, level: int, chunk: int, allowed: NDArray[np.bool_] | None) -> list[int]:
        """The rows of the passages of a chunk that may be found."""
        return [row for row in self.chunks[level][chunk] if allowed is None or allowed[row]]

    def search(
        self, text: str, level: int, k: int, allowed: NDArray[np.bool_] | None
    ) -> list[TermHit]:
        """Return the best chunks of a level; their rows are numbers of chunks."""
        lexical = self._lexical_of(level)
        if allowed is None:
            return lexical.search(text, k)
        chunks = np.zeros(len(self.chunks[level]), dtype=np.bool_)
        chunks[self._chunk_of[level][allowed]] = True
        return lexical.search(text, k, chunks)

    def _lexical_of(self, level: int) -> LexicalIndex:
        with self._building:
            if level not in self._lexical:
                texts = [joined([self._passages[r] for r in rows]) for rows in self.chunks[level]]
                self._lexical[level] = LexicalIndex([searchable(p.title, p.text) for p in texts])
            return self._lexical[level]


def levels_of(index: Any) -> tuple[Levels, NDArray[np.bool_] | None]:
    """Return the granularities of an index, and which rows of it may be found; None is all.

    Args:
        index: An index, or a view of one.
    """
    whole, allowed = getattr(index, "index", index), getattr(index, "allowed", None)
    return _LEVELS.of(whole), allowed


def joined(passages: Sequence[Passage]) -> Passage:
    """Make one passage of several that follow each other in a document.

    What two of them both hold is said once; where the document had something else between them,
    such as a heading, there is a blank line.
    """
    first, last = passages[0], passages[-1]
    if len(passages) == 1:
        return first
    text, end = first.text, first.start + len(first.text)
    for passage in passages[1:]:
        gap = passage.start - end
        if gap <= 0:
            text += passage.text[-gap:] if gap < 0 else passage.text
        else:
            text += (" " if gap == 1 else "\n\n") + passage.text
        end = max(end, passage.start + len(passage.text))
    meta = dict(first.meta)
    if "page" in last.meta:
        meta["last_page"] = last.meta.get("last_page", last.meta["page"])
        if meta["last_page"] == meta.get("page"):
            del meta["last_page"]
    return replace(
        first,
        id=f"{first.id}-{last.id.rpartition('#')[2]}",
        title=_common([passage.title for passage in passages]),
        text=text,
        meta=meta,
    )


_LEVELS = PerIndex(lambda index: Levels(index.passages(range(len(index)))))


def _chunks(passages: Sequence[Passage], level: int) -> list[range]:
    chunks: list[range] = []
    begin = 0
    for row in range(1, len(passages) + 1):
        ends = row == len(passages) or passages[row].document_id != passages[begin].document_id
        if ends:
            chunks += [
                range(begin + one.start, begin + one.stop) for one in aligned(row - begin, level)
            ]
            begin = row
    return chunks


def _chunk_of(chunks: Sequence[range], count: int) -> NDArray[np.int64]:
    of_row = np.zeros(count, dtype=np.int64)
    for number, rows in enumerate(chunks):
        of_row[rows.start : rows.stop] = number
    return of_row


def _common(titles: Sequence[str]) -> str:
    """The headings that all of several passages stand under."""
    paths = [title.split(_SEPARATOR) for title in titles]
    kept: list[str] = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        kept.append(parts[0])
    return _SEPARATOR.join(kept)
