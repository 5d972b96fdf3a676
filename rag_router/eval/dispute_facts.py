"""What a service would know about each dispute before it decodes: p_know and support.

The gate judges the question as it stands; support is what the filters say of the passage, as they
do of passages that come with a question. Without a gate or filters nothing of that kind is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag_router.eval.disputes import Dispute
from rag_router.eval.judging import judge_questions
from rag_router.eval.labels import Labelled
from rag_router.experts import Expert
from rag_router.experts.reading import text_of
from rag_router.filters import Filter, FilterContext, run_filters
from rag_router.gates import FittedGate
from rag_router.indices.contents import searchable
from rag_router.models.base import Embedder
from rag_router.models.streams import Facts
from rag_router.outcomes import RecordCache
from rag_router.settings import GIVEN
from rag_router.types import Hit, Passage

__all__ = ["facts_of", "supports_of"]

OnProgress = Callable[[int, int], None]


def facts_of(
    disputes: Sequence[Dispute],
    labelled: Sequence[Labelled],
    expert: Expert,
    *,
    gate: FittedGate | None = None,
    filters: Sequence[Filter] = (),
    embedder: Embedder | None = None,
    cache: RecordCache | None = None,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> list[Facts]:
    """Return what is known about each dispute.

    Args:
        disputes: Questions with their passages.
        labelled: All questions with their closed-book answers; a dispute's `row` is its place.
        expert: Who answers.
        gate: Says whether the expert knows; None says nothing.
        filters: Say how far the passage supports an answer; none say nothing.
        embedder: Whose cosines the filters read.
        cache: Where what the gate reads is kept.
        batch_size: Questions at a time.
        on_progress: Hears (done, all).
    """
    rows = sorted({one.row for one in disputes})
    known: dict[int, float] = {}
    if gate is not None:
        judged = judge_questions(
            {"gate": gate},
            expert,
            [labelled[row] for row in rows],
            cache=cache,
            batch_size=batch_size,
            on_progress=on_progress,
        )["gate"]
        known = dict(zip(rows, judged.p_know.tolist(), strict=True))
    supports = supports_of(disputes, expert, filters, embedder)
    return [
        Facts(p_know=known.get(one.row), support=support, shown=text_of(one.passages))
        for one, support in zip(disputes, supports, strict=True)
    ]


def supports_of(
    disputes: Sequence[Dispute],
    expert: Expert,
    filters: Sequence[Filter],
    embedder: Embedder | None,
) -> list[float | None]:
    """Return the support of each dispute's passages; None where nothing says so."""
    if embedder is None or not filters:
        return [None] * len(disputes)
    queries = embedder.encode_queries([one.question.text for one in disputes])
    texts = list(dict.fromkeys(_searched(p) for one in disputes for p in one.passages))
    vectors = dict(zip(texts, embedder.encode_passages(texts), strict=True))
    hits = [
        [
            Hit(
                passage=passage,
                retriever=GIVEN,
                score=1 / rank,
                rank=rank,
                similarity=float(vectors[_searched(passage)] @ query),
            )
            for rank, passage in enumerate(one.passages, start=1)
        ]
        for one, query in zip(disputes, queries, strict=True)
    ]
    context = FilterContext(lambda text: len(expert.model.encode(text, begin=False)))
    questions = [one.question.text for one in disputes]
    judged = run_filters(filters, questions, hits, context, strict=True)
    # What a filter would drop is read all the same, and as well supported as it says.
    return [
        max((j.support for j in one.judged if j.support is not None), default=None)
        for one in judged
    ]


def _searched(passage: Passage) -> str:
    """As passages that come with a question are embedded, so that support is the service's own."""
    return searchable(passage.title, passage.text)
