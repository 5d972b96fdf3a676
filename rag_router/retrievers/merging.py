"""What several searches found, as one list: by the ranks they gave, or passage by passage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from rag_router.types import Finding, Hit

__all__ = ["SMOOTHING", "by_passage", "by_rank", "findings_of", "merged"]

SMOOTHING: Final = 60
"""Of reciprocal ranks, where lists with scores of different kinds are merged."""


def by_rank(hits: Sequence[Hit]) -> list[Hit]:
    """Score hits by their ranks, so that lists whose scores say nothing of each other compare."""
    return [replace(hit, score=1 / (SMOOTHING + hit.rank)) for hit in hits]


def by_passage(lists: Iterable[Sequence[Hit]]) -> list[list[Hit]]:
    """Gather all that lists say about each passage, in the order in which they were found."""
    found: dict[tuple[str, str], list[Hit]] = {}
    for hit in (hit for hits in lists for hit in hits):
        found.setdefault((hit.passage.index, hit.passage.id), []).append(hit)
    return list(found.values())


def merged(hits: Sequence[Hit], *, name: str, score: float) -> Hit:
    """Make one hit of all that members say about one passage.

    Args:
        hits: Of one passage, at least one.
        name: The retriever that merges them.
        score: What it makes of them.
    """
    known = (hit.similarity for hit in hits if hit.similarity is not None)
    recalled = (hit.recalled for hit in hits if hit.recalled is not None)
    return replace(
        hits[0],
        retriever=name,
        score=score,
        similarity=next(known, None),
        recalled=next(recalled, None),
        why="; ".join(f"{hit.retriever} rank {hit.rank} ({hit.why})" for hit in hits),
        found_by=tuple(finding for hit in hits for finding in findings_of(hit)),
    )


def findings_of(hit: Hit) -> tuple[Finding, ...]:
    """Who found a hit: those whom its retriever asked, or else the retriever itself."""
    own = Finding(retriever=hit.retriever, rank=hit.rank, score=hit.score)
    return hit.found_by or (own,)
