"""The model writes a note on each passage, and drops those that its note calls irrelevant.

Yu et al. 2024, "Chain-of-Note: enhancing robustness in retrieval-augmented language models"
(EMNLP 2024, arXiv 2311.09210). There are three kinds of notes: the passage answers the question,
it only gives hints, or it is irrelevant; and the model may say that it cannot tell. They train a
model to write notes and answer after them; this is the version by prompt alone, whose notes
decide what is read and stand in each passage's reason.

A note's kind is its first word, and the model leans to it before it writes:

    figure = ln P(Answers or Hints) - ln P(Irrelevant)      at the note's first token,

which a logistic curve turns into the support.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration import logit
from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.filters.scored import ScoredFilter
from rag_router.models.passage_inquiries import NOTE, passage_case
from rag_router.signals.base import Requirements
from rag_router.signals.replies import Reply, beginning, reply
from rag_router.text import as_data
from rag_router.types import Judged

__all__ = ["NotesFilter"]

_IRRELEVANT: Final = "irrelevant"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NotesFilter(ScoredFilter):
    """Drop passages that the model's own note on them calls irrelevant.

    Args:
        min_support: Drop below this probability, in [0, 1]. None takes the fitted one, or 0.1;
            without a curve it drops nothing.
        curve: Slope and intercept from the note's log-odds to those of helping; empty until
            fitted.
        max_new_tokens: Longest note.
        passage_tokens: Most tokens of a passage that a note is written on.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    max_new_tokens: Annotated[int, Field(ge=1)] = 32
    passage_tokens: Annotated[int, Field(ge=1)] = 400

    wording: ClassVar[str] = NOTE.fingerprint
    learned_of = "generator"
    options_kept = ("passage_tokens",)
    asks = "a reply for each passage"

    def raw(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[float]]:
        """Log-odds of a note that does not call the passage irrelevant."""
        return [
            [_figure(note) for note in line] for line in self._notes(questions, judged, context)
        ]

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        notes = self._notes(questions, judged, context)
        return [
            [self._judge_one(*both) for both in zip(line, found, strict=True)]
            for line, found in zip(judged, notes, strict=True)
        ]

    def described(self, figure: float) -> str:
        return f"log-odds {figure:.2f} of not being irrelevant"

    def _judge_one(self, one: Judged, note: Reply | None) -> Judged:
        settled = self.settled(one, _figure(note))
        if note is None or not one.kept:
            return settled
        why = f"note: {as_data(note.text) or 'nothing'}; {settled.why}"
        irrelevant = note.text.strip().lower().startswith(_IRRELEVANT)
        return replace(settled, kept=settled.kept and not irrelevant, why=why)

    def _notes(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Reply | None]]:
        """Write a note on each kept passage; None for the others."""
        board = context.asked_of("notes")
        asked = [
            (number, question, one.hit.passage)
            for number, (question, line) in enumerate(zip(questions, judged, strict=True))
            for one in line
            if one.kept
        ]
        cases = [
            passage_case(
                question,
                beginning(board, passage.title, 64),
                beginning(board, passage.text, self.passage_tokens),
            )
            for _, question, passage in asked
        ]
        readings = reply(board, NOTE, cases, max_new_tokens=self.max_new_tokens)
        for (number, *_), reading in zip(asked, readings, strict=True):
            board.charge(context.rows[number], reading.cost)
        found = iter(readings)
        return [[next(found).value if one.kept else None for one in line] for line in judged]


def _figure(note: Reply | None) -> float:
    return math.nan if note is None else round(float(logit(note.leaning.yes)), 4)
