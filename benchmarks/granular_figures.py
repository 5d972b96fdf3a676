"""What a reader sees of what a retriever finds: which page, and whether it holds the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum
from time import process_time
from typing import Any, Final

from benchmarks.granular_corpora import document_of
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.eval.metrics.ranking import ranking_by_query
from rag_router.eval.retrieval import find_documents
from rag_router.indices import Index
from rag_router.models.base import Embedder
from rag_router.retrievers import Query, Retriever
from rag_router.scoring import holds_answer
from rag_router.types import Hit, Question

__all__ = ["measured"]

_HITS: Final = (1, 3, 5)
_TOKENS: Final = (256, 512, 1024)


def measured(
    retriever: Retriever,
    index: Index,
    embedder: Embedder,
    questions: Sequence[Question],
    asked: Sequence[Query],
) -> dict[str, Any]:
    """Judge what a retriever finds by the page, and by what its first hits say.

    Args:
        retriever: With k = 10.
        index: Where it looks.
        embedder: Counts tokens.
        questions: With the page that answers them.
        asked: The same, embedded.
    """
    row = _by_page(find_documents(retriever, asked, [index], k=10), questions)
    begin = process_time()
    hits = retriever.retrieve(asked, [index])
    seconds = process_time() - begin
    for what, shown in _showings(embedder).items():
        held = [_says(shown(found), q) for found, q in zip(hits, questions, strict=True)]
        ends = Bootstrap().mean([float(one) for one in held])
        row[f"answer@{what}"] = round(ends.value, 4)
        row[f"answer@{what}_95"] = [round(ends.low, 4), round(ends.high, 4)]
    first = embedder.count_tokens([found[0].passage.text for found in hits if found])
    row["tokens_of_first"] = round(fsum(first) / max(len(first), 1), 1)
    row["ms_per_query"] = round(1000 * seconds / len(questions), 2)
    return row


def _by_page(found: Sequence[Sequence[str]], questions: Sequence[Question]) -> dict[str, Any]:
    ranks = {
        question.id: {page: 1 / rank for rank, page in enumerate(pages, start=1)}
        for question, pages in zip(questions, found, strict=True)
    }
    qrels = {question.id: {document_of(question): 1} for question in questions}
    row: dict[str, Any] = {}
    for name, values in ranking_by_query(ranks, qrels, ("ndcg@10", "recall@10")).items():
        ends = Bootstrap().mean(list(values.values()))
        row[name] = round(ends.value, 4)
        row[f"{name}_95"] = [round(ends.low, 4), round(ends.high, 4)]
    return row


def _showings(embedder: Embedder) -> dict[str, Callable[[Sequence[Hit]], Sequence[Hit]]]:
    """What a reader sees of a list of hits: the first so many, or what fits into so many tokens."""

    def within(hits: Sequence[Hit], most: int) -> Sequence[Hit]:
        lengths = embedder.count_tokens([hit.passage.text for hit in hits])
        room, shown = most, []
        for hit, length in zip(hits, lengths, strict=True):
            if length > room:
                break
            shown.append(hit)
            room -= length
        return shown

    showings: dict[str, Callable[[Sequence[Hit]], Sequence[Hit]]] = {}
    for count in _HITS:
        showings[str(count)] = lambda hits, count=count: hits[:count]  # type: ignore[misc]
    for most in _TOKENS:
        showings[f"{most} tokens"] = lambda hits, most=most: within(hits, most)  # type: ignore[misc]
    return showings


def _says(hits: Sequence[Hit], question: Question) -> bool:
    page = document_of(question)
    return any(
        hit.passage.document_id == page and holds_answer(hit.passage.text, question.answers)
        for hit in hits
    )
