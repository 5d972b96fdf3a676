"""Pages long enough to be cut in more than one way, and questions whose paragraph is known.

Pages are Wikipedia articles of SQuAD, put together again from their paragraphs, and those of
Natural Questions with a gold passage, which are short. Questions of the one are of one paragraph
of a long page; those of the other are what people asked.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rag_router.eval.datasets import is_held_out, read_questions, sample
from rag_router.types import Passage, Question

__all__ = ["Asked", "document_of", "gold_of", "pages_of", "read_asked", "write_documents"]

_SQUAD, _NQ = "squad1/train_sample.jsonl.gz", "nq_gold/dev.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions to learn from, and others to judge by; all of them have one gold passage."""

    taught: list[Question]
    held: list[Question]


def read_asked(data: Path, *, pages: int, limit: int) -> Asked:
    """Read questions about so many long pages, and as many of short ones.

    Args:
        data: Folder of question sets.
        pages: How many long pages.
        limit: Most questions of each of both sets, and of each half.
    """
    squad, nq = (_with_gold(read_questions([data / file], answers=True)) for file in (_SQUAD, _NQ))
    titles = sorted({gold_of(q).title for q in squad}, key=lambda t: sha256(t.encode()).digest())
    chosen = frozenset(titles[:pages])
    sets = ([q for q in squad if gold_of(q).title in chosen], nq)
    halves: dict[bool, list[Question]] = {False: [], True: []}
    for held, kept in halves.items():
        for questions in sets:
            kept += sample([q for q in questions if is_held_out(q.id) is held], limit)
    return Asked(taught=halves[False], held=halves[True])


def gold_of(question: Question) -> Passage:
    """The passage that answers a question."""
    return next(passage for passage in question.contexts if passage.meta.get("is_gold"))


def document_of(question: Question) -> str:
    """The id of the page that answers a question."""
    gold = gold_of(question)
    return _id(gold.title or gold.id)


def pages_of(data: Path, questions: Iterable[Question]) -> dict[str, tuple[str, list[str]]]:
    """Put together the pages that questions are about.

    Returns:
        Title and paragraphs, by the id of the page.
    """
    wanted: dict[str, tuple[str, list[str]]] = {}
    for question in questions:
        gold = gold_of(question)
        wanted.setdefault(document_of(question), (gold.title, []))
    for path in sorted((data / "wiki_passages").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                page = wanted.get(_id(row["title"] or row["id"]))
                if page is not None and row["source"] in ("squad_train", "nq_gold"):
                    page[1].append(row["text"])
    for question in questions:
        paragraphs, text = wanted[document_of(question)][1], gold_of(question).text
        if text not in paragraphs:
            paragraphs.append(text)
    return wanted


def write_documents(
    pages: Mapping[str, tuple[str, Sequence[str]]],
    path: Path,
    questions: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Write pages as documents, with the questions that they are said to answer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (
        {
            "id": id_,
            "title": title,
            "text": "\n\n".join(paragraphs),
            "meta": {"questions": list((questions or {}).get(id_, ()))},
        }
        for id_, (title, paragraphs) in pages.items()
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _with_gold(questions: Iterable[Question]) -> list[Question]:
    return [q for q in questions if any(p.meta.get("is_gold") for p in q.contexts)]


def _id(title: str) -> str:
    return f"page-{sha256(title.encode()).hexdigest()[:12]}"
