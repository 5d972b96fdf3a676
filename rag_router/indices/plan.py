"""What an addition has to do: which documents are new, which replace others, which stay."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rag_router.artefacts import fingerprint_of
from rag_router.indices.chunking import Chunker, TokenCounter
from rag_router.indices.contents import StoredDocument, StoredPassage
from rag_router.indices.documents import Document

__all__ = ["Plan", "cut", "make_plan"]

TOGETHER = 256
"""Documents cut at once, so that tokens are counted in large batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What becomes of the documents of one addition.

    Attributes:
        added: Documents whose id the index does not hold yet.
        replaced: Documents that the index holds with other content or other chunker settings.
        unchanged: How many it holds just so.
        removed: Ids of documents that it holds and that the clean-up takes away.
    """

    added: tuple[Document, ...]
    replaced: tuple[Document, ...]
    unchanged: int
    removed: frozenset[str] = frozenset()

    @property
    def changes(self) -> tuple[Document, ...]:
        return self.added + self.replaced


def make_plan(documents: Sequence[Document], hashes: Mapping[str, str], chunker: Chunker) -> Plan:
    """Compare documents with the content hashes that the index holds, by document id."""
    added, replaced, unchanged = [], [], 0
    for document in documents:
        before = hashes.get(document.id)
        if before is None:
            added.append(document)
        elif before != _content_hash(document, chunker):
            replaced.append(document)
        else:
            unchanged += 1
    return Plan(added=tuple(added), replaced=tuple(replaced), unchanged=unchanged)


def cut(
    documents: Sequence[Document],
    chunker: Chunker,
    count_tokens: TokenCounter,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[StoredDocument]:
    """Cut documents into passages, which never cross a heading."""
    stored: list[StoredDocument] = []
    for begin in range(0, len(documents), TOGETHER):
        on_progress(begin, len(documents))
        batch = documents[begin : begin + TOGETHER]
        texts = [section.text for document in batch for section in document.sections]
        chunks = iter(chunker.chunk(texts, count_tokens))
        for document in batch:
            passages = tuple(
                StoredPassage(
                    title=section.title,
                    text=chunk.text,
                    start=section.start + chunk.start,
                    meta=section.pages_of(chunk.start, chunk.end),
                )
                for section in document.sections
                for chunk in next(chunks)
            )
            stored.append(
                StoredDocument(
                    id=document.id,
                    title=document.title,
                    source=document.source,
                    content_hash=_content_hash(document, chunker),
                    meta=document.meta,
                    passages=passages,
                )
            )
    on_progress(len(documents), len(documents))
    return stored


def _content_hash(document: Document, chunker: Chunker) -> str:
    """sha256 of all that the passages depend on; where the document came from is not part."""
    sections = [part for s in document.sections for part in (s.title, str(s.start), s.text)]
    # Only what has pages says so, and what was indexed before there were any stays as it is.
    sections += [str(s.pages) for s in document.sections if s.pages]
    settings, meta = (
        json.dumps(value, sort_keys=True) for value in (chunker.settings, dict(document.meta))
    )
    return fingerprint_of(settings, document.title, meta, *sections)
