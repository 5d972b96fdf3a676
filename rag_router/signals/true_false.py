"""P(True): the model judges its own answer as true or false.

Kadavath et al. 2022, "Language models (mostly) know what they know" (arXiv 2207.05221), section 4:
the question and a proposed answer are followed by two lettered options, and the probability of
the letter is read. They found it better calibrated where the model saw some of its own samples
before ("brainstormed" ideas), and that it needs worked examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rag_router.models.inquiries import (
    TRUE_FALSE,
    TRUE_FALSE_AMONG_IDEAS,
    ideas_case,
    options_case,
)
from rag_router.models.prompts import Inquiry
from rag_router.scoring import first_line
from rag_router.signals.base import Board, Reading, Requirements
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.signals.leaning import Leaning, lean
from rag_router.signals.sampled_answers import SampledAnswers

__all__ = ["TrueAmongIdeas", "TrueOrFalse"]


@dataclass(frozen=True, slots=True)
class TrueOrFalse:
    """How far the model takes its closed-book answer for true; costs one prompt.

    Args:
        max_new_tokens: Longest closed-book answer.
        inquiry: What is asked.
    """

    max_new_tokens: int = 24
    inquiry: Inquiry = TRUE_FALSE

    dear: ClassVar[bool] = True
    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    @property
    def name(self) -> str:
        return self.inquiry.name

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Leaning]]:
        answers = board.read(ClosedBookAnswer(self.max_new_tokens), rows)
        cases = [
            options_case(board.questions[row].text, first_line(answer.text))
            for row, answer in zip(rows, answers, strict=True)
        ]
        return lean(board, [self.inquiry] * len(cases), cases)


@dataclass(frozen=True, slots=True)
class TrueAmongIdeas:
    """The same where the model has read its samples before; costs these and one prompt.

    Args:
        ideas: The samples it reads.
        max_new_tokens: Longest closed-book answer.
        inquiry: What is asked.
    """

    ideas: SampledAnswers
    max_new_tokens: int = 24
    inquiry: Inquiry = TRUE_FALSE_AMONG_IDEAS

    dear: ClassVar[bool] = True
    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    @property
    def name(self) -> str:
        return self.inquiry.name

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Leaning]]:
        answers = board.read(ClosedBookAnswer(self.max_new_tokens), rows)
        samples = board.read(self.ideas, rows)
        cases = [
            ideas_case(
                board.questions[row].text,
                first_line(answer.text),
                [first_line(idea.text) for idea in ideas],
            )
            for row, answer, ideas in zip(rows, answers, samples, strict=True)
        ]
        return lean(board, [self.inquiry] * len(cases), cases)
