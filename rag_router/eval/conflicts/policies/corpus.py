"""Another answer of the same type, from the same set: NQ-Swap's policy.

Longpre et al. 2021, arXiv 2109.05052, "corpus substitution": a ~ U{a' in A(corpus) : type(a') =
type(a), a' != a}, uniform over the different answers of the set, so that the substitutes are as
usual in it as the answers are. The paper's numbers are cardinals and quantities; ours are also
money, per cent and ordinals, and each of these sorts is replaced by its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.eval.conflicts.draws import Draw
from rag_router.eval.conflicts.pool import Entity, Pool
from rag_router.eval.conflicts.substitutes import conflicting
from rag_router.eval.conflicts.targets import Target

__all__ = ["CorpusPolicy"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CorpusPolicy:
    """Take another answer of the same type from the same set."""

    def candidates(self, target: Target, pool: Pool, draw: Draw) -> Iterator[Entity]:
        yield from conflicting(draw.shuffled(pool.alike(target)), target)
