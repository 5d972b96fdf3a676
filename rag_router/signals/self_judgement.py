"""What the model says of its own knowledge, before it answers and after.

Ren et al. 2023, "Investigating the factual knowledge boundary of large language models with
retrieval augmentation" (arXiv 2307.11019), ask a model whether it can answer (and let it give
up), and whether its answer is correct. SKR (Wang et al. 2023, arXiv 2310.05002) asks whether it
needs additional information. Both parse what is said; here the leaning is read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rag_router.models.inquiries import (
    CAN_ANSWER,
    IS_CORRECT,
    answer_case,
    demonstrated,
    question_case,
)
from rag_router.models.prompts import Inquiry
from rag_router.scoring import first_line
from rag_router.signals.base import Board, Reading, Requirements
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.signals.leaning import Leaning, lean

__all__ = ["AskedAfter", "AskedBefore", "AskedByExample"]


@dataclass(frozen=True, slots=True)
class AskedBefore:
    """A leaning about the question alone; costs one prompt.

    Args:
        inquiry: What is asked: whether it can answer, or whether it needs more.
    """

    inquiry: Inquiry = CAN_ANSWER

    dear: ClassVar[bool] = True
    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    @property
    def name(self) -> str:
        return self.inquiry.name

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Leaning]]:
        cases = [question_case(board.questions[row].text) for row in rows]
        return lean(board, [self.inquiry] * len(cases), cases)


@dataclass(frozen=True, slots=True)
class AskedAfter:
    """A leaning about the question and the closed-book answer; costs one prompt.

    Args:
        max_new_tokens: Longest closed-book answer.
        inquiry: What is asked.
    """

    max_new_tokens: int = 24
    inquiry: Inquiry = IS_CORRECT

    dear: ClassVar[bool] = True
    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    @property
    def name(self) -> str:
        return self.inquiry.name

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Leaning]]:
        answers = board.read(ClosedBookAnswer(self.max_new_tokens), rows)
        cases = [
            answer_case(board.questions[row].text, first_line(answer.text))
            for row, answer in zip(rows, answers, strict=True)
        ]
        return lean(board, [self.inquiry] * len(cases), cases)


@dataclass(frozen=True, slots=True)
class AskedByExample:
    """Whether it needs more, after examples of what it knew and did not; costs one prompt.

    A question that is itself an example is asked about without that example.

    Args:
        known: Questions that the model answered rightly by itself.
        unknown: Questions that it did not.
    """

    known: tuple[str, ...]
    unknown: tuple[str, ...]

    dear: ClassVar[bool] = True
    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    @property
    def name(self) -> str:
        return "needs_more_by_example"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Leaning]]:
        asked = [board.questions[row].text for row in rows]
        inquiries = [
            demonstrated(
                [one for one in self.known if one != question],
                [one for one in self.unknown if one != question],
            )
            for question in asked
        ]
        return lean(board, inquiries, [question_case(question) for question in asked])
