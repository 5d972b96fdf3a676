"""How far the indexes reach for a question: told by their terms, before anything is searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rag_router.indices.reach import Reach
from rag_router.signals.base import Board, Reading, Requirements

__all__ = ["IndexReach"]


@dataclass(frozen=True, slots=True)
class IndexReach:
    """Of the indexes that would be searched, the reach of the one with most of the question.

    Costs no pass of any model and no search; see `rag_router.indices.reach`.
    """

    requires: ClassVar[Requirements] = Requirements(partners=frozenset({"indexes"}))

    @property
    def name(self) -> str:
        return "index_reach"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Reach | None]]:
        """Return for each row how far the indexes reach; None where there are none."""
        found: list[Reading[Reach | None]] = []
        for row in rows:
            reaches = [index.reach(board.questions[row].text) for index in board.indexes]
            best = max(reaches, key=lambda one: (one.together, one.present), default=None)
            found.append(Reading(best))
        return found
