"""The model says what of a passage is irrelevant, and is then held to it, sentence by sentence.

Jiang et al. 2024, "Enhancing robustness in large language models: prompting for mitigating the
impact of irrelevant information" (arXiv 2408.10615). Models can name what is irrelevant when they
are asked, and do not leave it out unless they are. So they are asked twice: for an *analysis* of
which parts help and why, and for a *filtration*, the text without the rest.

The published filtration rewrites the text. A rewritten passage can be cited nowhere, so that here
the model is asked of each sentence, behind its own analysis, whether it is needed,

    figure(s) = ln P(Yes | q, analysis, s) - ln P(No | q, analysis, s),

and what stays are the passage's own words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.artefacts import fingerprint_of
from rag_router.calibration import logit
from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.filters.sentence_scored import SentenceFilter
from rag_router.filters.sentences import sentences_of
from rag_router.models.passage_inquiries import (
    ANALYSIS,
    FILTRATION,
    analysis_case,
    sentence_case,
)
from rag_router.signals import Board
from rag_router.signals.base import Requirements
from rag_router.signals.leaning import lean
from rag_router.signals.replies import beginning, reply
from rag_router.types import Judged

__all__ = ["IrrelevancePromptFilter"]

_SENTENCE_TOKENS: Final = 128


@dataclass(frozen=True, kw_only=True, config=STRICT)
class IrrelevancePromptFilter(SentenceFilter):
    """Keep the sentences that the model calls needed after analysing the passage.

    Args:
        min_support: Drop passages below this probability, in [0, 1]. None takes the fitted one, or
            0.1; without a curve it drops nothing.
        curve: Slope and intercept from the best sentence's log-odds to those of helping; empty
            until fitted.
        threshold: Probability of Yes from which on a sentence stays, in [0, 1].
        max_new_tokens: Longest analysis.
        passage_tokens: Most tokens of a passage that are analysed.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    max_new_tokens: Annotated[int, Field(ge=1)] = 48
    passage_tokens: Annotated[int, Field(ge=1)] = 400

    wording: ClassVar[str] = fingerprint_of(ANALYSIS.fingerprint, FILTRATION.fingerprint)
    learned_of = "generator"
    options_kept = ("max_new_tokens", "passage_tokens")
    asks = "a reply for each passage, and a prompt for each sentence"

    @property
    def least_figure(self) -> float:
        return -math.inf if self.threshold == 0 else float(logit(self.threshold))

    def described(self, figure: float) -> str:
        return f"log-odds {figure:.2f} of a sentence being needed"

    def figures(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[list[float]]]:
        """Log-odds of each sentence being needed."""
        board = context.asked_of("irrelevance_prompt")
        asked = [
            (number, question, one)
            for number, (question, line) in enumerate(zip(questions, judged, strict=True))
            for one in line
            if one.kept
        ]
        analyses = self._analyses(board, asked, context.rows)
        found = iter(self._filtrations(board, asked, analyses, context.rows))
        return [[next(found) if one.kept else [] for one in line] for line in judged]

    def _analyses(
        self, board: Board, asked: Sequence[tuple[int, str, Judged]], rows: Sequence[int]
    ) -> list[str]:
        cases = [
            analysis_case(question, beginning(board, one.hit.passage.text, self.passage_tokens))
            for _, question, one in asked
        ]
        readings = reply(board, ANALYSIS, cases, max_new_tokens=self.max_new_tokens)
        for (number, *_), reading in zip(asked, readings, strict=True):
            board.charge(rows[number], reading.cost)
        return [reading.value.text for reading in readings]

    def _filtrations(
        self,
        board: Board,
        asked: Sequence[tuple[int, str, Judged]],
        analyses: Sequence[str],
        rows: Sequence[int],
    ) -> list[list[float]]:
        cases = [
            (place, sentence_case(question, analysis, beginning(board, text, _SENTENCE_TOKENS)))
            for place, ((_, question, one), analysis) in enumerate(
                zip(asked, analyses, strict=True)
            )
            for text in sentences_of(one)
        ]
        found: list[list[float]] = [[] for _ in asked]
        for at in range(0, len(cases), board.batch_size):
            some = cases[at : at + board.batch_size]
            readings = lean(board, [FILTRATION] * len(some), [case for _, case in some])
            for (place, _), reading in zip(some, readings, strict=True):
                found[place].append(round(float(logit(reading.value.yes)), 4))
                board.charge(rows[asked[place][0]], reading.cost)
        return found
