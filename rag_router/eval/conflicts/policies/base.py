"""What a substitution policy is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from rag_router.eval.conflicts.draws import Draw
from rag_router.eval.conflicts.pool import Entity, Pool
from rag_router.eval.conflicts.targets import Target

__all__ = ["Policy"]


class Policy(Protocol):
    """Chooses what stands in the place of an answer.

    A policy is a pure value: what it chooses depends on the target, the pool and the draw alone.
    """

    def candidates(self, target: Target, pool: Pool, draw: Draw) -> Iterator[Entity]:
        """Yield what fits in the answer's place, at random; the first that works is taken.

        Raises:
            UsageError: the set lacks what the policy needs.
        """
        ...
