"""Keep the best passages that the model has room for, and no more than it takes.

More passages mean more distraction and more time: accuracy of small models falls with the number
of irrelevant passages beside the right one (Shi et al. 2023, arXiv 2302.00093). So passages are
taken from the best supported one down, until one of them probably holds the answer: with support
s_i of each, and were they independent,

    P(any of them does) = 1 - prod_i (1 - s_i) >= enough.
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
    """Keep the best supported passages within a token budget, cut at a sentence end.

    Where not every passage that is kept has a support, the first ones are the best.

    Args:
        passages: Most passages, >= 1.
        tokens: Most tokens of all kept passages together, in the reading model's tokens.
        enough: No more passages are taken once one of those taken holds the answer with this
            probability, in (0, 1]; 1 always takes as many as there is room for.
    """

    passages: Annotated[int, Field(ge=1)] = 3
    tokens: Annotated[int, Field(ge=1)] = 600
    enough: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9

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
        out = list(line)
        left, room, missing = self.tokens, self.passages, 1.0
        for at in _best_first(line):
            one = line[at]
            if not room:
                why = f"only the best {self.passages} are read"
                out[at] = replace(one, kept=False, why=why)
                continue
            if 1 - missing >= self.enough and self.enough < 1:
                why = f"the better ones hold the answer with probability {1 - missing:.2f}"
                out[at] = replace(one, kept=False, why=why)
                continue
            text, size = _fit(one.hit.passage.text, left, context)
            if not text:
                why = f"no sentence fits the {left} tokens left of {self.tokens}"
                out[at] = replace(one, kept=False, why=why)
                continue
            left, room = left - size, room - 1
            missing *= 1 - (one.support or 0.0)
            if text != one.hit.passage.text:
                why = f"{one.why}; cut to fit {self.tokens} tokens"
                out[at] = cut_short(one, len(text), why)
        return out


def _best_first(line: Sequence[Judged]) -> list[int]:
    """Where the kept passages stand, the best first."""
    kept = [at for at, one in enumerate(line) if one.kept]
    supports = [line[at].support for at in kept]
    if None in supports:
        return kept
    return sorted(kept, key=lambda at: -(line[at].support or 0.0))


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
