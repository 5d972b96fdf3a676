"""Questions with their answers, as an index holds them: found by the question alone.

A line of a file reads `{"question", "answers" or "answer", "id"?, "passage"?, "meta"?}`: the first
answer is the one that is given, all of them are accepted, and the passage is what shows it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag_router.artefacts import fingerprint_of
from rag_router.errors import DocumentError
from rag_router.indices.chunking import Chunk, TokenCounter
from rag_router.indices.documents import Document, Section
from rag_router.indices.jsonl import json_lines

__all__ = ["Pair", "WholeChunker", "document_of", "documents_of", "read_pairs"]

_SHAPE = (
    'A line reads {"question": "…", "answers": ["…"]}; "id", "passage" and "meta" may be there.'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A question and what answers it.

    Attributes:
        question: As it was asked.
        answers: The one to give first, then others that are as right; at least one.
        id: Unique within its memory; made from the question where it is empty.
        passage: What shows that the answer is right; may be empty.
        source: Where it stands.
        meta: Whatever else its source said.
    """

    question: str
    answers: tuple[str, ...]
    id: str = ""
    passage: str = ""
    source: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeChunker:
    """Leave every text as it is: nothing of a pair's text is embedded, only its question."""

    max_tokens: int = 1

    @property
    def settings(self) -> dict[str, Any]:
        return {"kind": "whole"}

    def chunk(self, texts: Sequence[str], count_tokens: TokenCounter) -> list[list[Chunk]]:
        return [[Chunk(0, text)] for text in texts]


def document_of(pair: Pair) -> Document:
    """Return what an index keeps of a pair: the question is its title, answer and passage its text.

    Raises:
        DocumentError: there is no question, or no answer.
    """
    question = " ".join(pair.question.split())
    answers = tuple(answer.strip() for answer in pair.answers if answer.strip())
    if not question or not answers:
        raise DocumentError(f"{pair.source or pair.id}: no question, or no answer.", hint=_SHAPE)
    text = f"{answers[0]}\n{pair.passage}".strip()
    return Document(
        id=pair.id or fingerprint_of(question)[:16],
        title=question,
        source=pair.source,
        sections=(Section(title=question, text=text),),
        meta={**pair.meta, "answer": answers[0], "answers": list(answers)},
    )


def documents_of(pairs: Sequence[Pair]) -> list[Document]:
    """Return what an index keeps of pairs, each id once.

    Raises:
        DocumentError: a pair has no question or answer, or two of one id differ.
    """
    documents: dict[str, Document] = {}
    for pair in pairs:
        document = document_of(pair)
        before = documents.setdefault(document.id, document)
        if (before.title, before.meta) != (document.title, document.meta):
            raise DocumentError(
                f"two pairs are called {document.id!r} and differ: {pair.source}.",
                hint="Give each an id of its own.",
            )
    return list(documents.values())


def read_pairs(path: Path) -> list[Pair]:
    """Read pairs from JSON Lines, plain or gzipped.

    Raises:
        DocumentError: the file cannot be read, or a line is no pair; names file and line.
    """
    return [_pair(row, place) for row, place in json_lines(path, _SHAPE)]


def _pair(row: dict[str, Any], place: str) -> Pair:
    question = row.get("question")
    answers = row.get("answers", row.get("answer"))
    answers = [answers] if isinstance(answers, str) else answers
    passage, meta, id_ = row.get("passage", ""), row.get("meta", {}), row.get("id", "")
    sound = (
        isinstance(question, str)
        and isinstance(answers, list)
        and all(isinstance(answer, str) for answer in answers)
        and isinstance(passage, str)
        and isinstance(meta, dict)
        and isinstance(id_, str | int)
    )
    if not sound:
        shown = json.dumps(row, ensure_ascii=False)[:60]
        raise DocumentError(f"{place}: {shown} is no question with answers.", hint=_SHAPE)
    return Pair(
        question=str(question),
        answers=tuple(answers or ()),
        id=str(id_),
        passage=passage,
        source=place,
        meta=meta,
    )
