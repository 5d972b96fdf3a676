"""How well retrievers find what is relevant, and how long a query takes them.

Relevance is judged for documents, indices hold passages: a document ranks where its best passage
does. So a retriever is asked for more passages than documents are wanted, and for more again
where many of them come from few documents. The figures are those of `metrics.ranking`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from dataclasses import fields as fields_of
from math import fsum
from typing import TYPE_CHECKING, Any

from rag_router.errors import DataError
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.eval.metrics.ranking import ranking_by_query
from rag_router.eval.route_figures import route_figures
from rag_router.retrievers.base import Query, Retriever, Searchable, make_queries
from rag_router.retrievers.routing import RoutingRetriever
from rag_router.types import Hit, RouteChoice

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = [
    "RetrievalRun",
    "evaluate_retrieval",
    "find_documents",
    "measure_retrieval",
    "retrieval_summary",
]

Qrels = Mapping[str, Mapping[str, int]]
OnProgress = Callable[[int, int], None]

PASSAGES_PER_DOCUMENT = 5
"""How many passages are asked for at first, for each document that is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalRun:
    """What retrievers found, and how long that took.

    Attributes:
        queries: Text of each query that has something to find.
        qrels: Relevance of the documents judged for it.
        found: For each retriever and query, the best documents, best first.
        k: Most documents that were wanted.
        embedding_ms: Milliseconds for each query.
        search_ms: Milliseconds for each query, by retriever, without the embedding.
        warm_up_queries: The first ones, which were asked once before they counted.
        left_out: Queries that have no relevant document.
        choices: For each retriever that routes and each query, the experts that were visited.
        fields: For each query the expert it belongs to, where that is known.
    """

    queries: Mapping[str, str]
    qrels: Qrels
    found: Mapping[str, Mapping[str, Sequence[str]]]
    k: int
    embedding_ms: float
    search_ms: Mapping[str, float]
    warm_up_queries: int
    left_out: int
    choices: Mapping[str, Mapping[str, tuple[RouteChoice, ...]]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    def by_query(self, retriever: str) -> dict[str, dict[str, float]]:
        """Return nDCG, recall and MRR at `k` of each query, all in [0, 1]."""
        # 1 / rank keeps the retriever's own order, its ties included.
        ranks = {
            query: {document: 1 / rank for rank, document in enumerate(documents, start=1)}
            for query, documents in self.found[retriever].items()
        }
        names = (f"ndcg@{self.k}", f"recall@{self.k}", f"mrr@{self.k}")
        return ranking_by_query(ranks, self.qrels, names)


def evaluate_retrieval(
    retrievers: Mapping[str, Retriever],
    indices: Sequence[Searchable],
    embedder: Embedder,
    queries: Mapping[str, str],
    qrels: Qrels,
    *,
    k: int = 10,
    batch_size: int = 32,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Measure retrievers; see `measure_retrieval` for what goes in.

    Returns:
        As `retrieval_summary`.
    """
    run = measure_retrieval(
        retrievers,
        indices,
        embedder,
        queries,
        qrels,
        k=k,
        batch_size=batch_size,
        on_progress=on_progress,
    )
    return retrieval_summary(run)


def measure_retrieval(
    retrievers: Mapping[str, Retriever],
    indices: Sequence[Searchable],
    embedder: Embedder,
    queries: Mapping[str, str],
    qrels: Qrels,
    *,
    k: int = 10,
    batch_size: int = 32,
    fields: Mapping[str, str] | None = None,
    on_progress: OnProgress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> RetrievalRun:
    """Let every retriever search for every query that has something to find.

    Args:
        retrievers: What to measure, by the name to show.
        indices: What all of them search, together.
        embedder: The one that built the indices; one with an `encoder` of its own is asked with
            that, which counts as searching.
        queries: Text of each query.
        qrels: Relevance of documents, >= 1 where relevant. A query without a relevant document is
            left out and counted.
        k: Documents that are wanted.
        batch_size: Queries asked at once, which is what the times are of.
        fields: For each query the expert it belongs to; None where nobody knows.
        on_progress: Told searches of a batch done and in all.
        clock: Seconds that pass.

    Raises:
        DataError: a query that qrels name is not there, or no query has a relevant document.
    """
    judged = _judged(queries, qrels)
    batches = list(_batches(list(judged), batch_size))
    found: dict[str, dict[str, list[str]]] = {name: {} for name in retrievers}
    choices: dict[str, dict[str, tuple[RouteChoice, ...]]] = {}
    search_s = dict.fromkeys(retrievers, 0.0)
    embedding_s = 0.0
    # The first batch is asked twice: what is built when it is first asked for belongs to no query.
    for number, ids in enumerate([batches[0], *batches]):
        begin = clock()
        asked = make_queries([queries[id_] for id_ in ids], embedder)
        embedding_s += clock() - begin if number else 0.0
        for at, (name, retriever) in enumerate(retrievers.items(), start=1):
            begin = clock()
            documents = find_documents(retriever, asked, indices, k=k)
            search_s[name] += clock() - begin if number else 0.0
            found[name].update(zip(ids, documents, strict=True))
            if isinstance(retriever, RoutingRetriever):
                visited = retriever.choose(asked, indices)
                choices.setdefault(name, {}).update(zip(ids, visited, strict=True))
            if on_progress is not None:
                on_progress(number * len(retrievers) + at, (1 + len(batches)) * len(retrievers))
    n = len(judged)
    return RetrievalRun(
        queries={id_: queries[id_] for id_ in judged},
        qrels=judged,
        found=found,
        k=k,
        embedding_ms=1000 * embedding_s / n,
        search_ms={name: 1000 * spent / n for name, spent in search_s.items()},
        warm_up_queries=len(batches[0]),
        left_out=len(queries) - n,
        choices=choices,
        fields={id_: fields[id_] for id_ in judged} if fields else {},
    )


def retrieval_summary(run: RetrievalRun) -> dict[str, Any]:
    """Return what the command prints.

    For each retriever: nDCG, recall and MRR with the 95 % bootstrap interval of nDCG, and two
    times. `ms_per_query` is embedding and search, because every query is embedded, whoever is
    asked: a hit of the sparse retriever has its cosine too. `search_ms_per_query` is the search.
    Where it is known which expert a query belongs to, nDCG of each field; and for a retriever that
    routes, what `route_figures` says.
    """
    retrievers: dict[str, dict[str, Any]] = {}
    for name in run.found:
        figures = run.by_query(name)
        row: dict[str, Any] = {}
        for at, (measure, values) in enumerate(figures.items()):
            ends = Bootstrap().mean(list(values.values()))
            row[measure] = round(ends.value, 4)
            if at == 0:
                row[f"{measure}_95"] = [round(ends.low, 4), round(ends.high, 4)]
        row["ms_per_query"] = round(run.embedding_ms + run.search_ms[name], 3)
        row["search_ms_per_query"] = round(run.search_ms[name], 3)
        if run.fields:
            row |= _by_field(figures, run.fields)
        if name in run.choices:
            row |= _route(run.choices[name], run.fields)
        retrievers[name] = row
    return {
        "n": len(run.queries),
        "left_out": run.left_out,
        "warm_up_queries": run.warm_up_queries,
        "retrievers": retrievers,
    }


def _by_field(
    figures: Mapping[str, Mapping[str, float]], fields: Mapping[str, str]
) -> dict[str, Any]:
    """Return nDCG of each field, and the mean over fields, which count the same."""
    measure, values = next(iter(figures.items()))
    rows: dict[str, list[float]] = {}
    for query, value in values.items():
        rows.setdefault(fields[query], []).append(value)
    means = {name: fsum(of) / len(of) for name, of in sorted(rows.items())}
    return {
        f"{measure}_by_field": {name: round(mean, 4) for name, mean in means.items()},
        f"{measure}_over_fields": round(fsum(means.values()) / len(means), 4),
    }


def _route(
    choices: Mapping[str, tuple[RouteChoice, ...]], fields: Mapping[str, str]
) -> dict[str, Any]:
    if fields:
        return route_figures(list(choices.values()), [fields[query] for query in choices])
    return {"visited": round(fsum(len(chosen) for chosen in choices.values()) / len(choices), 4)}


def find_documents(
    retriever: Retriever, queries: Sequence[Query], indices: Sequence[Searchable], *, k: int
) -> list[list[str]]:
    """Return for each query the ids of the best `k` documents, best first.

    A retriever with a field `k` is asked with as large a one as that takes; another one brings
    what it brings. A passage without a document counts as one.
    """
    found: list[list[str]] = [[] for _ in queries]
    rows, depth = list(range(len(queries))), PASSAGES_PER_DOCUMENT * k
    while rows:
        asked = _asked_for(retriever, depth)
        ranked = asked.retrieve([queries[row] for row in rows], indices)
        for row, hits in zip(rows, ranked, strict=True):
            found[row] = list(dict.fromkeys(map(_document, hits)))[:k]
        # Fewer hits than were asked for: there are no more.
        full = [len(hits) >= depth for hits in ranked]
        rows = [row for row, more in zip(rows, full, strict=True) if more and len(found[row]) < k]
        depth *= 4
    return found


def _judged(queries: Mapping[str, str], qrels: Qrels) -> dict[str, Mapping[str, int]]:
    unknown = sorted(qrels.keys() - queries.keys())
    if unknown:
        raise DataError(
            f"qrels name {len(unknown)} queries that are not there, such as {unknown[0]!r}.",
            hint="Give the queries and qrels of one set.",
        )
    judged = {id_: qrels[id_] for id_ in queries if any(g > 0 for g in qrels.get(id_, {}).values())}
    if not judged:
        raise DataError(
            f"none of {len(queries)} queries has a relevant document.",
            hint='Qrels read {"query_id": "…", "doc_id": "…", "relevance": 1}.',
        )
    return judged


def _batches(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for begin in range(0, len(ids), size):
        yield ids[begin : begin + size]


def _asked_for(retriever: Retriever, passages: int) -> Retriever:
    """Return the retriever with so many passages for its `k`, where it has one."""
    if not is_dataclass(retriever) or isinstance(retriever, type):
        return retriever
    has_k = any(one.name == "k" for one in fields_of(retriever))
    return replace(retriever, k=passages) if has_k else retriever


def _document(hit: Hit) -> str:
    return hit.passage.document_id or hit.passage.id
