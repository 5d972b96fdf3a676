"""What is relevant to what, from whatever a person names: a retrieval set, or gold passages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rag_router.errors import DataError
from rag_router.eval.datasets import read_questions, sample
from rag_router.eval.readers import RetrievalSet, read_retrieval_files, read_retrieval_set
from rag_router.eval.readers.lines import bare_name
from rag_router.eval.readers.retrieval import is_retrieval_set
from rag_router.types import Question

if TYPE_CHECKING:
    from rag_router.indices.index import Index

__all__ = ["missing_documents", "qrels_of", "read_relevance"]


def read_relevance(
    data: Path, qrels: Path | None = None, *, limit: int | None = None
) -> RetrievalSet:
    """Read queries and what is relevant to them.

    Args:
        data: A folder with queries and qrels, a file of queries, or questions with gold passages.
        qrels: Judgements from a file of their own.
        limit: Most queries; a fair sample, and a larger limit holds every smaller one.

    Returns:
        The queries with a relevant document; all others are `unjudged`.

    Raises:
        DataError: something cannot be read, or nothing is relevant to any query.
    """
    if qrels is not None:
        given = read_retrieval_files(_queries(data), qrels)
    elif data.is_dir() and is_retrieval_set(data):
        given = read_retrieval_set(data)
    else:
        questions = read_questions([data])
        given = RetrievalSet(queries={q.id: q.text for q in questions}, qrels=qrels_of(questions))
    relevant = {
        query: judged
        for query, judged in given.qrels.items()
        if any(grade > 0 for grade in judged.values())
    }
    if not relevant:
        raise DataError(
            f"nothing in {data} is said to be relevant to any of {len(given.queries)} queries.",
            hint="Give --qrels, a folder with qrels.jsonl, or questions whose contexts have "
            "is_gold.",
        )
    kept = _sampled({query: given.queries[query] for query in relevant}, limit)
    return RetrievalSet(
        queries={query: given.queries[query] for query in kept},
        qrels={query: relevant[query] for query in kept},
        corpus=given.corpus,
        unjudged=(*given.unjudged, *(query for query in given.queries if query not in relevant)),
    )


def qrels_of(questions: Sequence[Question]) -> dict[str, dict[str, int]]:
    """Take the gold passages of questions (`is_gold`) for what is relevant to them.

    A passage goes by its id, which is that of a document in an index of such passages. Questions
    without a gold passage are left out.
    """
    gold = {q.id: {p.id: 1 for p in q.contexts if p.meta.get("is_gold")} for q in questions}
    return {id_: documents for id_, documents in gold.items() if documents}


def missing_documents(indices: Sequence[Index], qrels: Mapping[str, Mapping[str, int]]) -> int:
    """Count the relevant documents that no index holds, and that nothing can find.

    Raises:
        DataError: none of them is there.
    """
    wanted = {id_ for judged in qrels.values() for id_, grade in judged.items() if grade > 0}
    held = {document.id for index in indices for document in index.documents()}
    missing = wanted - held
    if missing and missing == wanted:
        names = ", ".join(repr(index.name) for index in indices) or "any index"
        raise DataError(
            f"none of {len(wanted)} relevant documents, such as {min(wanted)!r}, is in {names}.",
            hint="Index the corpus they come from: rag-router index add NAME corpus.jsonl.gz",
        )
    return len(missing)


def _queries(data: Path) -> Path:
    """The file of queries that is meant."""
    if not data.is_dir():
        return data
    found = sorted(path for path in data.iterdir() if bare_name(path) == "queries")
    if len(found) != 1:
        raise DataError(
            f"{data} holds {len(found)} files called queries.", hint="Name the file of queries."
        )
    return found[0]


def _sampled(queries: Mapping[str, str], limit: int | None) -> Collection[str]:
    if limit is None:
        return queries
    return [q.id for q in sample([Question(id=i, text=t) for i, t in queries.items()], limit)]
