"""A guard for sources that are not fully trusted, whatever the settings filter by.

Where no filter of the settings guards against hostile text, this one does for what strangers may
have written: a passage whose source is trusted less than fully goes through the guard, and all
others come through untouched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag_router.filters.base import Filter, FilterContext, GuardingFilter
from rag_router.filters.instructions import InstructionsFilter
from rag_router.settings import GIVEN
from rag_router.types import Judged

__all__ = ["UntrustedFilter", "guarded"]


@dataclass(frozen=True, kw_only=True)
class UntrustedFilter:
    """Let a guard judge what comes from sources that are not fully trusted.

    Args:
        guard: Who judges.
        trust: How far each source is trusted, in [0, 1]; one that is not named is trusted.
    """

    guard: GuardingFilter
    trust: Mapping[str, float]

    @property
    def fitted(self) -> bool:
        return self.guard.fitted

    @property
    def guards(self) -> str:
        return self.guard.guards

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        doubted = [[one for one in line if self._doubts(one)] for line in judged]
        if not any(doubted):
            return [list(line) for line in judged]
        fresh = [iter(line) for line in self.guard.judge(questions, doubted, context)]
        return [
            [next(made) if self._doubts(one) else one for one in line]
            for line, made in zip(judged, fresh, strict=True)
        ]

    def _doubts(self, one: Judged) -> bool:
        return self.trust.get(one.hit.passage.index or GIVEN, 1.0) < 1.0


def guarded(filters: Sequence[Filter], trust: Mapping[str, float]) -> tuple[Filter, ...]:
    """Put a guard for untrusted sources before filters of which none guards."""
    if any(isinstance(one, GuardingFilter) for one in filters):
        return tuple(filters)
    return (UntrustedFilter(guard=InstructionsFilter(), trust=trust), *filters)
