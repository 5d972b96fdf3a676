"""How well each expert does on each question: what outcome-trained routers learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.eval.metrics.ranking import ranking_by_query
from rag_router.eval.retrieval import find_documents
from rag_router.retrievers.base import Query, Searchable
from rag_router.retrievers.routed import RoutedRetriever
from rag_router.retrievers.routing.experts import experts_of
from rag_router.types import Hit, RouteChoice

__all__ = ["OneExpert", "outcomes"]


@dataclass(frozen=True, kw_only=True)
class OneExpert:
    """A routed retriever that sends everything to one expert.

    Args:
        routed: Whose experts they are.
        expert: Who is asked.
        k: Most hits for a question.
    """

    routed: RoutedRetriever
    expert: str
    k: int = 8

    @property
    def name(self) -> str:
        return self.expert

    @property
    def calls(self) -> int:
        return self.routed.calls

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        """Return what this expert holds."""
        from dataclasses import replace

        there = [(RouteChoice(name=self.expert),)] * len(queries)
        return replace(self.routed, k=self.k).visit(queries, indices, there)


def outcomes(
    routed: RoutedRetriever,
    indices: Sequence[Searchable],
    queries: Mapping[str, Query],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    k: int = 10,
    batch_size: int = 32,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Let every expert search for every question.

    Args:
        routed: Whose experts search.
        indices: What there is to look in.
        queries: Embedded questions, by id.
        qrels: Relevance of documents; a question without any is found by nobody.
        k: Documents that count.
        batch_size: Questions searched for at a time.
        on_progress: Told searches done and in all.

    Returns:
        For each expert nDCG at `k` of each question, in the order of `queries`, shape (n,).

    Raises:
        DataError: no question has a relevant document.
    """
    ids = [id_ for id_ in queries if any(grade > 0 for grade in qrels.get(id_, {}).values())]
    if not ids:
        raise DataError(
            "nothing is said to be relevant to any question, so that nobody can find it.",
            hint="Give sets with qrels, or questions whose contexts have is_gold.",
        )
    judged = {id_: qrels[id_] for id_ in ids}
    experts = [expert.name for expert in experts_of(routed.experts, indices)]
    found: dict[str, NDArray[np.float64]] = {}
    for at, expert in enumerate(experts):
        run: dict[str, dict[str, float]] = {}
        for begin in range(0, len(ids), batch_size):
            some = ids[begin : begin + batch_size]
            one = OneExpert(routed=routed, expert=expert)
            documents = find_documents(one, [queries[id_] for id_ in some], indices, k=k)
            for id_, ranked in zip(some, documents, strict=True):
                run[id_] = {document: 1 / rank for rank, document in enumerate(ranked, start=1)}
            if on_progress is not None:
                on_progress(at * len(ids) + begin + len(some), len(experts) * len(ids))
        name = f"ndcg@{k}"
        ndcg = ranking_by_query(run, judged, (name,))[name]
        found[expert] = np.array([ndcg.get(id_, 0.0) for id_ in queries])
    return found
