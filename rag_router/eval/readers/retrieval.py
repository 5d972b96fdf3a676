"""What retrievers are measured on: queries, judgements and a corpus.

A folder holds `queries.jsonl`, `corpus.jsonl` and either `qrels/<split>.tsv` (BEIR) or
`qrels.jsonl`, `qrels.tsv` or `qrels.txt` (ours and TREC's), each plain or .gz.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag_router.errors import DataError
from rag_router.eval.readers.formats import read_file
from rag_router.eval.readers.lines import bare_name, bare_suffix
from rag_router.eval.readers.qrels import read_qrels

__all__ = ["RetrievalSet", "is_retrieval_set", "read_retrieval_files", "read_retrieval_set"]

_HINT = "It holds queries.jsonl, qrels.jsonl or qrels/test.tsv, and corpus.jsonl, plain or .gz."


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSet:
    """Queries with judgements, and where their documents are.

    Attributes:
        queries: Query -> text, the judged ones alone.
        qrels: Query -> document -> relevance, >= 0.
        corpus: Files of documents; empty where the set came without.
        unjudged: Queries that were left out because nobody judged them.
    """

    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    corpus: tuple[Path, ...] = ()
    unjudged: tuple[str, ...] = ()


def read_retrieval_set(folder: Path, *, split: str = "test") -> RetrievalSet:
    """Read a folder.

    Args:
        folder: In BEIR's layout or in ours.
        split: Which of the files in `qrels/` to take, where there is such a folder.

    Raises:
        DataError: a file is missing or broken, or a judged query is not among the queries.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder.", hint=_HINT)
    queries = _only(folder, "queries", (".jsonl", ".tsv", ".txt"))
    judged = folder / "qrels"
    if judged.is_dir():
        qrels = _only(judged, split, (".tsv", ".txt", ".jsonl"))
    else:
        qrels = _only(folder, "qrels", (".jsonl", ".tsv", ".txt"))
    corpus = sorted(
        path
        for path in folder.iterdir()
        if path.name.startswith("corpus") and bare_suffix(path) == ".jsonl"
    )
    return read_retrieval_files(queries, qrels, corpus)


def read_retrieval_files(queries: Path, qrels: Path, corpus: Sequence[Path] = ()) -> RetrievalSet:
    """Read queries and judgements from files of their own.

    Args:
        queries: TREC topics, or queries or questions in any layout.
        qrels: Judgements in TREC's, BEIR's or our layout.
        corpus: Files of documents, which are not read here.

    Raises:
        DataError: a file is broken, or a judged query is not among the queries.
    """
    texts = {question.id: question.text for question in read_file(queries)}
    judged = read_qrels(qrels)
    lost = [query for query in judged if query not in texts]
    if lost:
        raise DataError(
            f"{len(lost)} of {len(judged)} queries that {qrels} judges are not in {queries}: "
            f"{', '.join(map(repr, lost[:5]))}{', …' if len(lost) > 5 else ''}.",
            hint="Give the queries and judgements of one set.",
        )
    return RetrievalSet(
        queries={query: texts[query] for query in judged},
        qrels=judged,
        corpus=tuple(corpus),
        unjudged=tuple(query for query in texts if query not in judged),
    )


def is_retrieval_set(folder: Path) -> bool:
    """Whether a folder holds queries and judgements."""
    names = {bare_name(path) for path in folder.iterdir()}
    return {"queries", "qrels"} <= names


def _only(folder: Path, name: str, suffixes: Sequence[str]) -> Path:
    there = sorted(path for path in folder.iterdir() if path.is_file())
    found = [p for p in there if bare_name(p) == name and bare_suffix(p) in suffixes]
    if len(found) != 1:
        seen = ", ".join(path.name for path in there) or "nothing"
        what = f"more than one file called {name!r}" if found else f"no {name!r}"
        raise DataError(f"{folder} holds {what}; saw {seen}.", hint=_HINT)
    return found[0]
