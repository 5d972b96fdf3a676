"""Any LangChain retriever or vector store as an expert.

What it holds stays where it is, in pgvector or anything else that LangChain reaches: it is asked
beside our own indices, or in their place, and its documents come back as passages. The other way
round, `rag_router.integrations.langchain` shows our retrievers to LangChain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import SettingsError, UnavailableError
from rag_router.retrievers.base import Query, Searchable, ranked
from rag_router.retrievers.equipment import Equipment
from rag_router.retrievers.merging import SMOOTHING
from rag_router.types import Hit, Passage

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from rag_router.models.base import Embedder

__all__ = ["LangChainRetriever"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LangChainRetriever:
    """Ask a LangChain retriever or vector store; our own indices are not looked in.

    The score is 1 / (60 + rank): scores of vector stores are distances with some and
    similarities with others. LangSmith tracing is off while it is asked.

    Args:
        k: Most hits for a question.
        source: A `BaseRetriever` or `VectorStore`; settings name where one stands, or a function
            that makes one, as "package.module:attribute". Empty asks nobody.
        index: What passages say their index is.
        embedder: Tells how similar question and passage are; set by whoever assembles.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    source: Any = ""
    index: str = "langchain"
    embedder: Any = None
    name: str = "langchain"

    @property
    def calls(self) -> int:
        return 1

    @property
    def lacks(self) -> tuple[str, ...]:
        """That there is nobody to ask, where no source is given."""
        return () if self.source else (f"{self.name}: no source is set, and nobody is asked",)

    def equipped(self, equipment: Equipment) -> LangChainRetriever:
        """Return it with its source imported and the embedder of the questions.

        Raises:
            SettingsError: there is no such source, or it is of another kind.
        """
        source = _imported(self.source) if isinstance(self.source, str) else self.source
        embedder = equipment.embedder if self.embedder is None else self.embedder
        return replace(self, source=source, embedder=embedder)

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        """Return for each query what the source holds for it.

        Raises:
            UnavailableError: the source failed; says how.
        """
        del indices
        if not queries or not self.source:
            return [[] for _ in queries]
        source = _imported(self.source) if isinstance(self.source, str) else self.source
        with _untraced(), _translated(self.name):
            found = _ask(source, [query.text for query in queries], self.k)
        return [
            self._hits(query, documents) for query, documents in zip(queries, found, strict=True)
        ]

    def _hits(self, query: Query, documents: Sequence[Document]) -> list[Hit]:
        passages: dict[str, Passage] = {}
        for document in documents:
            passage = _passage(document, self.index)
            passages.setdefault(passage.id, passage)
        best = list(passages.values())[: self.k]
        cosines = _cosines(query, [passage.text for passage in best], self.embedder)
        hits = [
            Hit(
                passage=passage,
                retriever=self.name,
                score=1 / (SMOOTHING + rank),
                rank=rank,
                similarity=cosine,
                why=f"rank {rank} of {type(self.source).__name__}",
            )
            for rank, (passage, cosine) in enumerate(zip(best, cosines, strict=True), start=1)
        ]
        return ranked(hits, self.k)


def _imported(named: str) -> Any:
    """Import what settings name; a function is called for what it makes."""
    if not named:
        return ""
    module, _, attribute = named.partition(":")
    try:
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as exc:
        raise SettingsError(
            f"retriever 'langchain': source: {named!r} cannot be imported: {exc}.",
            hint='Name a retriever, a vector store or a function that makes one: "module:name".',
        ) from exc
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.vectorstores import VectorStore

    if not isinstance(found, BaseRetriever | VectorStore) and callable(found):
        with _translated("langchain"):
            found = found()
    if not isinstance(found, BaseRetriever | VectorStore):
        raise SettingsError(
            f"retriever 'langchain': source: {named!r} is a {type(found).__name__}.",
            hint="A source is a BaseRetriever or a VectorStore of langchain-core.",
        )
    return found


def _ask(source: Any, texts: Sequence[str], k: int) -> list[list[Document]]:
    from langchain_core.vectorstores import VectorStore

    retriever = (
        source.as_retriever(search_kwargs={"k": k}) if isinstance(source, VectorStore) else source
    )
    found: list[list[Document]] = retriever.batch(list(texts))
    return found


def _passage(document: Document, index: str) -> Passage:
    meta: Mapping[str, Any] = document.metadata or {}
    text = document.page_content
    id_ = document.id or meta.get("id") or sha256(text.encode()).hexdigest()[:32]
    source = meta.get("document_id") or meta.get("source") or id_
    return Passage(
        id=str(id_),
        title=str(meta.get("title") or ""),
        text=text,
        document_id=str(source),
        index=index,
        meta=dict(meta),
    )


def _cosines(query: Query, texts: Sequence[str], embedder: Embedder | None) -> list[float | None]:
    """Embed passages one by one, so that each is the same alone and in company."""
    if embedder is None:
        return [None] * len(texts)
    asked = query.vector.astype(np.float64)
    vectors = [embedder.encode_passages([text])[0].astype(np.float64) for text in texts]
    return [float(np.clip((vector * asked).sum(), -1.0, 1.0)) for vector in vectors]


@contextmanager
def _untraced() -> Iterator[None]:
    """Keep LangSmith from sending questions anywhere, whatever the environment says."""
    from langsmith import tracing_context

    with tracing_context(enabled=False):
        yield


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except (SettingsError, UnavailableError):
        raise
    except Exception as exc:  # any library may stand behind it, and raise anything
        raise UnavailableError(
            f"retriever {name!r}: its source failed: {type(exc).__name__}: {str(exc)[:300]}",
            hint="Is its server running, and are its credentials right?",
        ) from exc
