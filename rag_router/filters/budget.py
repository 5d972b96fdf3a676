"""Keep the best passages that the model has room for.

More passages mean more distraction and more time: accuracy of small models falls with the number
of irrelevant passages beside the right one (Shi et al. 2023, arXiv 2302.00093).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.filters.sentences import cut_short
from rag_router.text import sentence_spans
from rag_router.types import Judged

__all__ = ["BudgetFilter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BudgetFilter:
    """Keep the first passages within a token budget, cut at a sentence end.

    Args:
        passages: Most passages, >= 1.
        tokens: Most tokens of all kept passages together, in the reading model's tokens.
    """

    passages: Annotated[int, Field(ge=1)] = 2
    tokens: Annotated[int, Field(ge=1)] = 600

    @property
    def fitted(self) -> bool:
        return True

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        del questions
        return [self._judge_line(line, context) for line in judged]

    def _judge_line(self, line: Sequence[Judged], context: FilterContext) -> list[Judged]:
        out: list[Judged] = []
        left, room = self.tokens, self.passages
        for one in line:
            if not one.kept:
                out.append(one)
                continue
            if not room:
                why = f"only the best {self.passages} are read"
                out.append(replace(one, kept=False, why=why))
                continue
            text, size = _fit(one.hit.passage.text, left, context)
            if not text:
                why = f"no sentence fits the {left} tokens left of {self.tokens}"
                out.append(replace(one, kept=False, why=why))
                continue
            left, room = left - size, room - 1
            if text == one.hit.passage.text:
                out.append(one)
            else:
                why = f"{one.why}; cut to fit {self.tokens} tokens"
                out.append(cut_short(one, len(text), why))
        return out


def _fit(text: str, budget: int, context: FilterContext) -> tuple[str, int]:
    """Return the longest run of whole sentences from the start that fits, and its size."""
    size = context.count_tokens(text)
    if size <= budget:
        return text, size
    best = ("", 0)
    for _, end in sentence_spans(text):
        size = context.count_tokens(text[:end])
        if size > budget:
            break
        best = (text[:end], size)
    return best
