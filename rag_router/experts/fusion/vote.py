"""A vote on answers: every expert answers, and the answer that is likeliest right wins.

Votes are counted by what Dawid and Skene's (1979, doi 10.2307/2346806) model makes of calibrated
confidences; see `ballots` for the formula. That a vote of models beats one of them was shown for
samples of one model by self-consistency (Wang et al. 2023, arXiv 2203.11171), whose majority this
is where all are equally sure, and for votes weighted by confidence by Taubenfeld et al. (2025,
arXiv 2502.06233).

When to use it: experts of different vocabularies, or behind endpoints, whose errors differ. It
costs as much as all of them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.experts.base import Answering
from rag_router.experts.fusion.base import Costs
from rag_router.experts.fusion.verdict import ask_one, settled
from rag_router.types import Answer, Question

__all__ = ["VoteFusion"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class VoteFusion:
    """Ask every expert, and give the answer that is likeliest right.

    Of answers that are equally likely the one with more voters wins, and then the one that the
    expert named first gave. Who abstains does not vote; where all do, the first one speaks.

    Args:
        alternatives: How many wrong answers an expert might give, >= 1. The more there are, the
            more it means that two experts say the same.
    """

    asks: ClassVar[str] = "every expert"

    alternatives: Annotated[int, Field(ge=1, le=1_000_000)] = 10

    def ask(
        self,
        experts: Mapping[str, Answering],
        questions: Sequence[Question],
        wanted: Any = None,
        *,
        costs: Costs | None = None,
    ) -> list[Answer]:
        del costs  # everybody is asked, whatever it costs
        columns = [ask_one(name, expert, questions, wanted) for name, expert in experts.items()]
        return [
            settled(replies, alternatives=self.alternatives)
            for replies in zip(*columns, strict=True)
        ]
