"""Drop passages in which nothing stands that anybody could read.

Not a component of the settings: it always goes first, since no other filter and no prompt has any
use for such a passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rag_router.filters.base import FilterContext
from rag_router.text import as_data
from rag_router.types import Judged

__all__ = ["BLANK", "BlankFilter"]

BLANK: Final = "nothing stands in it"
"""Why such a passage is dropped."""


@dataclass(frozen=True, slots=True)
class BlankFilter:
    """Keep passages that have a text, were it of a single letter; a title alone is none."""

    @property
    def fitted(self) -> bool:
        return True

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        del questions, context
        return [
            [
                one
                if not one.kept or as_data(one.hit.passage.text)
                else replace(one, kept=False, why=BLANK)
                for one in line
            ]
            for line in judged
        ]
