"""Another name of the same thing: the control, in which nothing true is changed.

Longpre et al. 2021, arXiv 2109.05052, "alias substitution": the answer is replaced by a
semantically equivalent name that the passage does not use. The paper's aliases are Wikidata's;
here they are the question's other accepted answers, as far as they are alike: sets also list
different right answers, and to change one for another would change what the passage says.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.eval.conflicts.draws import Draw
from rag_router.eval.conflicts.pool import Entity, Pool
from rag_router.eval.conflicts.substitutes import are_alike, fits_in
from rag_router.eval.conflicts.targets import Target
from rag_router.scoring import normalise

__all__ = ["AliasPolicy"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AliasPolicy:
    """Take another name of the same answer."""

    def candidates(self, target: Target, pool: Pool, draw: Draw) -> Iterator[Entity]:
        del pool
        said = normalise(target.name)
        for name in draw.shuffled(target.aliases):
            is_alias = normalise(name) != said and are_alike(name, target.name)
            if is_alias and fits_in(name, target):
                others = tuple(alias for alias in target.aliases if alias != name)
                yield Entity(name=name, aliases=others, type=target.type)
