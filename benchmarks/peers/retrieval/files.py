"""The files of a comparison, read with nothing but the standard library.

Corpora, queries and qrels are JSON Lines, plain or .gz; what a system found is a TREC run.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.retrieval.systems import Text


def read_corpus(path: Path) -> list[Text]:
    """Return the documents, each with its title as the first line of its text."""
    return [Text(row["id"], f"{row['title']}\n{row['text']}".strip()) for row in _rows(path)]


def read_queries(path: Path) -> dict[str, str]:
    return {row["id"]: row["text"] for row in _rows(path)}


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in _rows(path):
        found.setdefault(row["query_id"], {})[row["doc_id"]] = row["relevance"]
    return found


def write_run(path: Path, run: Mapping[str, Sequence[str]], tag: str) -> None:
    """Write what was found for each query, best first, in the six columns of TREC."""
    lines = [
        f"{query} Q0 {document} {rank} {1 / rank:.6f} {tag}\n"
        for query, documents in run.items()
        for rank, document in enumerate(documents, start=1)
    ]
    path.write_text("".join(lines), encoding="utf-8")


def read_run(path: Path, queries: Iterable[str]) -> dict[str, dict[str, float]]:
    """Read a run back; a query that nothing was found for has an empty row.

    The score is 1 / rank, so that every system's own order of ties stands.
    """
    run: dict[str, dict[str, float]] = {query: {} for query in queries}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, _, document, rank, _, _ = line.split()
        run[query][document] = 1 / int(rank)
    return run


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        return [json.loads(line) for line in file if line.strip()]
