"""The third stage: what of the passages found is worth reading."""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.filters import Filter, FilterContext, run_filters
from rag_router.filters.blank import BLANK, BlankFilter
from rag_router.filters.equipment import lacking
from rag_router.filters.learned_of import owner_of
from rag_router.filters.untrusted import guarded
from rag_router.orchestrator.work import Batch, Work

__all__ = ["filter_passages"]


def filter_passages(work: Sequence[Work], batch: Batch) -> None:
    """Judge what was found, and say how far what is kept supports an answer."""
    some = [one for one in work if one.evidence.judged]
    filters = guarded(batch.parts.filters, batch.trust)
    model = batch.parts.expert.model
    context = FilterContext(
        lambda text: len(model.encode(text, begin=False)),
        batch.board,
        tuple(one.row for one in some),
    )
    evidence = run_filters(
        (BlankFilter(), *filters),
        [one.question.text for one in some],
        [[j.hit for j in one.evidence.judged] for one in some],
        context,
    )
    shortcomings = [(type(one).__name__, what) for one in filters for what in _lacking(one)]
    for one, judged in zip(some, evidence, strict=True):
        one.evidence = judged
        for note in judged.notes:
            one.note(note.stage, note.what)
        for name, what in shortcomings:
            one.note("filter", f"{name}{what}")
        for blank in (j.hit.passage for j in judged.judged if j.why == BLANK):
            one.note("filter", f"passage {blank.id} is not read: {BLANK}")


def _lacking(one: Filter) -> list[str]:
    """Say what a filter does without: its model, or what it would have learned."""
    if lacks := lacking(one):
        return [f": {what}" for what in lacks]
    if one.fitted:
        return []
    owner = "its own model" if owner_of(one) == "own" else f"this {owner_of(one)}"
    return [f" is not fitted for {owner}: support is not calibrated"]
