"""Training a query adapter from questions with relevant passages, and what it brings.

One half of the questions is trained on, the other one judged on: nDCG@10 of dense search in the
same index, by the base embedder's questions and by the adapter's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card, fingerprint_of
from rag_router.errors import DataError
from rag_router.eval.datasets import is_held_out
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.eval.metrics.ranking import ranking_by_query
from rag_router.eval.retrieval import find_documents
from rag_router.models.query_adapters import METHOD, adapter_of
from rag_router.models.query_training import Pair, QueryTraining, train_adapter
from rag_router.retrievers.base import Query
from rag_router.retrievers.dense import DenseRetriever

if TYPE_CHECKING:
    from rag_router.indices.index import Index
    from rag_router.models.base import Embedder

__all__ = ["fit_adapter", "make_pairs"]

OnProgress = Callable[[int, int], None]
_HARD = 30
"""How deep hard negatives are looked for."""


def fit_adapter(
    name: str,
    embedder: Embedder,
    index: Index,
    queries: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    training: QueryTraining | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Artefact:
    """Train an adapter on one half of the questions, and judge it on the other.

    Args:
        name: What the expert is called.
        embedder: The one that built the index.
        index: Holds the relevant passages.
        queries: Text of each question.
        qrels: Relevance of documents, >= 1 where relevant.
        training: How.
        seed: Of the split.
        on_progress: Told steps done and in all.

    Raises:
        DataError: too few questions have a relevant document in the index.
        ModelError: the embedder cannot be adapted.
        UnavailableError: PEFT is not installed.
    """
    how = training or QueryTraining()
    relevant = {i: t for i, t in queries.items() if any(g > 0 for g in qrels.get(i, {}).values())}
    learned = {i: t for i, t in relevant.items() if not is_held_out(i, seed=seed)}
    held = {i: t for i, t in relevant.items() if is_held_out(i, seed=seed)}
    if not held:
        raise DataError(
            "no question with a relevant passage is held out to judge the adapter on.",
            hint="Give more questions of the field.",
        )
    passages = index.vectors_of(range(len(index)))
    vectors = dict(zip(learned, embedder.encode_queries(list(learned.values())), strict=True))
    trained = train_adapter(
        embedder,
        make_pairs(index, learned, vectors, qrels),
        passages,
        how,
        on_progress=on_progress,
    )
    texts = list(held.values())
    after = adapter_of(embedder, trained.weights, rank=how.rank, alpha=how.alpha, name=name)
    base = _ndcg(index, held, embedder.encode_queries(texts), qrels)
    new = _ndcg(index, held, after.encode_queries(texts), qrels)
    gain = Bootstrap().mean((new - base).tolist())
    card = Card(
        method=METHOD,
        model=embedder.name,
        model_fingerprint=embedder.fingerprint,
        data_hash=fingerprint_of(*(f"{i}\0{t}" for i, t in relevant.items())),
        date=datetime.now(UTC).date().isoformat(),
        metrics={
            "ndcg@10_base": round(float(base.mean()), 4),
            "ndcg@10": round(float(new.mean()), 4),
            "gain": round(gain.value, 4),
            "gain_low": round(gain.low, 4),
            "gain_high": round(gain.high, 4),
        },
        notes={
            "expert": name,
            "index": index.name,
            "rank": how.rank,
            "alpha": how.alpha,
            "learned_from": len(learned),
            "held_out": len(held),
            "epoch": trained.best,
            "reciprocal_ranks": [round(step, 4) for step in trained.steps],
            "seed": seed,
        },
    )
    return Artefact(card=card, weights=trained.weights)  # type: ignore[arg-type]  # float32 is kept


def make_pairs(
    index: Index,
    queries: Mapping[str, str],
    vectors: Mapping[str, NDArray[np.float32]],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    hard: int = _HARD,
) -> list[Pair]:
    """Find for each question its relevant passages, and others that look as if they were.

    Of a relevant document the passage nearest to the question is taken, as a document ranks where
    its best passage does. Questions none of whose documents is in the index are left out.
    """
    rows: dict[str, list[int]] = {}
    at = 0
    for document in index.documents():
        count = len(document.passages)
        rows[document.id] = list(range(at, at + count))
        at += count
    stacked = np.stack([vectors[id_] for id_ in queries]) if queries else np.zeros((0, 1))
    _, nearest = index.search_vectors(stacked.astype(np.float32), hard)
    pairs = []
    for id_, near in zip(queries, nearest.tolist(), strict=True):
        gold = [one for one, grade in qrels[id_].items() if grade > 0 and one in rows]
        taken = {row for one in gold for row in rows[one]}
        best = []
        for one in gold:
            cosines = index.vectors_of(rows[one]) @ vectors[id_]
            best.append(rows[one][int(cosines.argmax())])
        if best:
            looks = tuple(row for row in near if row not in taken)
            pairs.append(Pair(queries[id_], tuple(best), looks))
    return pairs


def _ndcg(
    index: Index,
    queries: Mapping[str, str],
    vectors: NDArray[np.float32],
    qrels: Mapping[str, Mapping[str, int]],
) -> NDArray[np.float64]:
    """NDCG@10 of dense search for each question, shape (n,)."""
    asked = [Query(text, vector) for text, vector in zip(queries.values(), vectors, strict=True)]
    found: Sequence[Sequence[str]] = find_documents(DenseRetriever(), asked, [index], k=10)
    run = {
        id_: {document: 1 / rank for rank, document in enumerate(documents, start=1)}
        for id_, documents in zip(queries, found, strict=True)
    }
    judged = {id_: qrels[id_] for id_ in queries}
    by_query = ranking_by_query(run, judged, ("ndcg@10",))["ndcg@10"]
    return np.array([by_query.get(id_, 0.0) for id_ in queries])
