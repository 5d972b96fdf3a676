"""The read side of one generation of an index."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from rag_router.errors import IndexCorruptError, IndexUnavailableError, UnknownNameError
from rag_router.indices.contents import Searched, StoredDocument, read_contents, searchable
from rag_router.indices.lexical import LexicalIndex, TermHit
from rag_router.indices.manifest import PASSAGES, TERMS_FILE, Manifest
from rag_router.indices.matching import fields_of, matching_rows
from rag_router.indices.postings import Postings, read_postings
from rag_router.indices.reach import Reach
from rag_router.indices.terms import TERMS
from rag_router.indices.vectors import VECTORS, Vectors, read_vectors
from rag_router.indices.view import IndexView
from rag_router.indices.where import Where
from rag_router.store.sessions import open_published, session
from rag_router.store.tables import DocumentRecord, PassageRecord
from rag_router.types import Passage

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["Index"]

K = TypeVar("K", int, str)

_PART = 500
"""Values in one statement; SQLite allows no more than 999 in its oldest versions."""

_VIEWS = 32
"""Filters whose rows are remembered, one byte a passage each."""


class Index:
    """One generation of an index, open for reading from any thread.

    Rows number the passages from 0 and hold for this generation only. Where it was published
    without the terms of lexical search, or with others than this version's, they are taken from
    the passages when they are first asked for.
    """

    def __init__(
        self,
        manifest: Manifest,
        vectors: Vectors,
        engine: Engine,
        postings: Postings | None = None,
    ) -> None:
        self.manifest = manifest
        self.name = manifest.name
        self.vectors = vectors
        # Set by whoever opens it: what embeds questions for this index alone, and the index of
        # the questions that its passages answer.
        self.encoder: Embedder | None = None
        self.scenarios: Index | None = None
        self._engine = engine
        self._reading = Lock()
        self._building = Lock()
        self._lexical = None if postings is None else LexicalIndex.of(postings)
        self._fields: frozenset[str] | None = None
        self._allowed: OrderedDict[str, NDArray[np.bool_]] = OrderedDict()
        self._finalizer = weakref.finalize(self, engine.dispose)

    @classmethod
    def open(cls, folder: Path, manifest: Manifest) -> Index:
        """Open a generation whose files have been compared with their manifest.

        Raises:
            IndexCorruptError: the files do not agree with each other.
        """
        vectors = read_vectors(folder, manifest.vectors, manifest.dimension)
        postings = None
        if manifest.terms == TERMS:
            postings = read_postings(folder / TERMS_FILE, manifest.passages)
        opened = cls(manifest, vectors, open_published(folder / PASSAGES), postings)
        try:
            opened._compare_counts(folder)
        except IndexCorruptError:
            opened.close()
            raise
        return opened

    def close(self) -> None:
        """Let go of the files; reading afterwards is a mistake."""
        self._finalizer()

    def __len__(self) -> int:
        return self.manifest.passages

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        """Return the passages in these rows, in this order.

        Raises:
            IndexError: there is no such row.
        """
        found = self._passages_where(PassageRecord.row, {int(row) for row in rows})
        try:
            return [found[int(row)] for row in rows]
        except KeyError as exc:
            raise IndexError(
                f"index {self.name!r} has no row {exc.args[0]}, but {len(self)} rows."
            ) from exc

    def find(self, ids: Sequence[str]) -> list[Passage]:
        """Return the passages with these ids, in this order.

        Raises:
            UnknownNameError: there is no such passage.
        """
        found = self._passages_where(PassageRecord.id, set(ids))
        for id_ in ids:
            if id_ not in found:
                raise UnknownNameError(
                    "passage", id_, [], hint=f"Index {self.name!r} has {len(self)} others."
                )
        return [found[id_] for id_ in ids]

    @property
    def searched(self) -> Searched:
        """What passages are found by."""
        return self.manifest.searched

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields that conditions can be about."""
        with self._building:
            if self._fields is None:
                with self._session() as opened:
                    self._fields = frozenset(fields_of(opened))
            return self._fields

    def where(self, where: Where, *, strict: bool = True) -> IndexView:
        """Return what of this index meets conditions.

        Args:
            where: The conditions.
            strict: Whether a field that nothing here has is an error; if not, nothing meets it.

        Raises:
            UnknownNameError: nothing here has a field of that name.
        """
        for field in where.fields if strict else ():
            if field not in self.fields:
                raise UnknownNameError("field", field, self.fields)
        key = repr(where)  # 1, 1.0 and True are equal, but not alike
        with self._building:
            if key not in self._allowed:
                with self._session() as opened:
                    self._allowed[key] = matching_rows(opened, where, len(self))
                if len(self._allowed) > _VIEWS:
                    self._allowed.popitem(last=False)
            self._allowed.move_to_end(key)
            return IndexView(self, self._allowed[key])

    def search_vectors(
        self,
        vectors: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return cosines and rows of the nearest passages, best first.

        Args:
            vectors: Unit vectors, shape (questions, dimension).
            k: How many; fewer come back from an index that has fewer.
            allowed: For each row whether it may be found; None allows all.

        Raises:
            IndexUnavailableError: the vectors are of another dimension.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.vectors.dimension:
            raise IndexUnavailableError(
                f"index {self.name!r} holds vectors of {self.vectors.dimension} dimensions, "
                f"and was asked with shape {vectors.shape}.",
                hint=f"It was built with {self.manifest.encoder.name!r}: ask with that embedder.",
            )
        return self.vectors.search(vectors, k, allowed)

    def search_terms(
        self, texts: Sequence[str], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> list[list[TermHit]]:
        """Return for each text the passages that share terms with it, best first."""
        lexical = self._lexical_index()
        return [lexical.search(text, k, allowed) for text in texts]

    def reach(self, text: str) -> Reach:
        """Tell how far the index reaches for a question, by term statistics alone."""
        return self._lexical_index().reach(text)

    def vectors_of(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Return the stored vectors of these rows, shape (rows, dimension)."""
        return self.vectors.rows(np.asarray(rows, dtype=np.int64))

    def documents(self) -> list[StoredDocument]:
        """Read all documents with their passages, in the order of the rows."""
        with self._session() as opened:
            return read_contents(opened)

    def check_contents(self) -> None:
        """Read every passage and every vector, which opening does not.

        Raises:
            IndexCorruptError: the database is damaged, or a vector is not of unit length.
        """
        with self._session() as opened:
            verdict = opened.execute(text("PRAGMA integrity_check")).scalar()
            read = sum(len(document.passages) for document in read_contents(opened))
        if verdict != "ok" or read != len(self):
            raise IndexCorruptError(f"{PASSAGES} of index {self.name!r} is damaged: {verdict}.")
        lengths = np.linalg.norm(self.vectors_of(range(len(self))), axis=1)
        if not np.allclose(lengths, 1.0, atol=1e-3):
            raise IndexCorruptError(f"{VECTORS} of index {self.name!r} holds no unit vectors.")

    def _passages_where(
        self, column: InstrumentedAttribute[K], values: Collection[K]
    ) -> dict[K, Passage]:
        wanted = list(values)
        found: dict[K, Passage] = {}
        statement = select(column, PassageRecord, DocumentRecord.meta).join(
            DocumentRecord, DocumentRecord.id == PassageRecord.document_id
        )
        with self._session() as opened:
            for begin in range(0, len(wanted), _PART):
                part = wanted[begin : begin + _PART]
                for key, record, meta in opened.execute(statement.where(column.in_(part))):
                    found[key] = self._passage(record, meta)
        return found

    def _passage(self, record: PassageRecord, meta: Mapping[str, Any]) -> Passage:
        return Passage(
            id=record.id,
            title=record.title,
            text=record.text,
            document_id=record.document_id,
            index=self.name,
            start=record.start,
            meta={**meta, **record.meta},
        )

    def _lexical_index(self) -> LexicalIndex:
        with self._building:
            if self._lexical is None:
                columns = select(PassageRecord.title, PassageRecord.text)
                with self._session() as opened:
                    rows = opened.execute(columns.order_by(PassageRecord.row)).all()
                texts = [searchable(row.title, row.text, self.searched) for row in rows]
                self._lexical = LexicalIndex(texts)
            return self._lexical

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self._reading, session(self._engine, IndexCorruptError) as opened:
            yield opened

    def _compare_counts(self, folder: Path) -> None:
        with self._session() as opened:
            documents = opened.scalar(select(func.count()).select_from(DocumentRecord))
            passages, last = opened.execute(
                select(func.count(), func.max(PassageRecord.row)).select_from(PassageRecord)
            ).one()
        published = self.manifest
        for what, seen, wanted in (
            (f"{VECTORS}: vectors", len(self.vectors), published.passages),
            (f"{PASSAGES}: passages", passages, published.passages),
            (f"{PASSAGES}: last row", -1 if last is None else last, published.passages - 1),
            (f"{PASSAGES}: documents", documents, published.documents),
        ):
            if seen != wanted:
                raise IndexCorruptError(f"{folder / what}: {seen} instead of {wanted}.")
