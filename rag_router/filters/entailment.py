"""Back off to memory where the passages do not imply the answer that is read out of them.

Yoran et al. 2024, "Making retrieval-augmented language models robust to irrelevant context" (ICLR
2024, arXiv 2310.01558), section 3. Two answers are made, a_R with the passages and a_0 without. A
model of natural language inference reads all passages as premise and "question answer" as
hypothesis, and a_R stands only if

    P(entailment) >= 0.5,

else a_0 does: here by dropping all passages, so that memory answers. Where both answers are the
same there is nothing to decide, and the model is not asked.

The paper does not say what the probability is taken over; the released code drops the logit of
*neutral*, P = e^E / (e^E + e^C), which is never less than the three-way e^E / (e^E + e^N + e^C).
`entailment` is the code's, `entailment_three_way` the other. Both are strict: with the right
passage at hand they cost some right answers, and where everything is noise they save many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration import logit
from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.filters.equipment import Find
from rag_router.filters.own_answer import answers_with_passages
from rag_router.filters.scored import ScoredFilter
from rag_router.models.entailment import Entailment, EntailmentModel, load_entailment_model
from rag_router.scoring import first_line, normalise
from rag_router.signals.base import Requirements
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.signals.refusals import is_refusal
from rag_router.types import Judged

__all__ = ["EntailmentFilter", "EntailmentThreeWayFilter"]

_MODEL: Final = "hf:facebook/bart-large-mnli"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EntailmentFilter(ScoredFilter):
    """Drop the passages where they do not imply the answer, neutral left out.

    Without the model all passages are kept, and every answer says so.

    Args:
        min_support: Drop below this probability, in [0, 1]. None takes the fitted one, or 0.1;
            without a curve it drops nothing.
        curve: Slope and intercept from the log-odds of entailment to those of helping; empty until
            fitted.
        model: The model of inference: `hf:org/name`, which `rag-router models fetch` gets, or
            `path:/folder`. It is never fetched by itself.
        judge_model: The same, loaded; set by whoever assembles.
        threshold: Probability of entailment from which on the answer stands, in [0, 1].
        max_new_tokens: Longest answer.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    model: str = _MODEL
    judge_model: EntailmentModel | None = None
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    max_new_tokens: Annotated[int, Field(ge=1)] = 24

    learned_of = "own"
    options_kept = ("model", "max_new_tokens")
    nothing_to_say = "there is no answer of the passages' own to check"
    asks = "two answers, and a pass of its own model"

    @property
    def lacks(self) -> tuple[str, ...]:
        if self.judge_model is not None:
            return ()
        how = f"rag-router models fetch {self.model}"
        return (f"answers are not checked, the entailment model is not there ({how})",)

    @property
    def model_fingerprint(self) -> str:
        return str(getattr(self.judge_model, "fingerprint", ""))

    def equipped(self, find: Find) -> Self:
        if self.judge_model is not None:
            return self
        local = find(self.model)
        return self if local is None else replace(self, judge_model=load_entailment_model(local))

    def probability(self, found: Entailment) -> float:
        """P(the premise implies the hypothesis), in [0, 1]."""
        return _softmax_first(found.entails, found.contradicts)

    def raw(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[float]]:
        """Log-odds of entailment, the same for all passages of a question.

        NaN where the answers agree and where there is no model to ask.
        """
        if self.judge_model is None:
            return [[math.nan] * len(line) for line in judged]
        found = self._log_odds(questions, judged, context, self.judge_model)
        return [
            [value if one.kept else math.nan for one in line]
            for value, line in zip(found, judged, strict=True)
        ]

    def settled(self, one: Judged, figure: float) -> Judged:
        if one.kept and self.judge_model is None:
            return replace(one, why="kept: the entailment model is not there")
        settled = super().settled(one, figure)
        if not one.kept or math.isnan(figure) or figure >= self._least_log_odds:
            return settled
        return replace(settled, kept=False)

    def described(self, figure: float) -> str:
        p = 0.5 * (1 + math.tanh(figure / 2))
        says = "imply" if figure >= self._least_log_odds else "do not imply"
        return f"the passages {says} the answer: {p:.2f}, threshold {self.threshold:.2f}"

    @property
    def _least_log_odds(self) -> float:
        return -math.inf if self.threshold == 0 else float(logit(self.threshold))

    def _log_odds(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
        model: EntailmentModel,
    ) -> list[float]:
        board = context.asked_of("entailment")
        reading = [number for number, line in enumerate(judged) if any(one.kept for one in line)]
        rows = [context.rows[number] for number in reading]
        memory = board.read(ClosedBookAnswer(self.max_new_tokens), rows)
        closed = dict(zip(reading, (one.text for one in memory), strict=True))
        answers = answers_with_passages(
            board, questions, judged, context, max_new_tokens=self.max_new_tokens
        )
        out = [math.nan] * len(questions)
        asked: list[tuple[int, tuple[str, str]]] = []
        for number in reading:
            answer = answers[number]
            if normalise(answer) == normalise(first_line(closed[number])):
                continue
            if is_refusal(answer):
                out[number] = float(logit(0.0))  # nothing implies an answer that says nothing
                continue
            premise = "\n".join(_shown(one) for one in judged[number] if one.kept)
            asked.append((number, (premise, f"{questions[number]} {answer}")))
        found = model.judge([pair for _, pair in asked])
        for (number, _), relation in zip(asked, found, strict=True):
            out[number] = round(float(logit(self.probability(relation))), 4)
        return out


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EntailmentThreeWayFilter(EntailmentFilter):
    """Drop the passages where they do not imply the answer, neutral against it.

    Without the model all passages are kept, and every answer says so.

    Args:
        min_support: Drop below this probability, in [0, 1]. None takes the fitted one, or 0.1;
            without a curve it drops nothing.
        curve: Slope and intercept from the log-odds of entailment to those of helping; empty until
            fitted.
        model: The model of inference: `hf:org/name`, which `rag-router models fetch` gets, or
            `path:/folder`. It is never fetched by itself.
        judge_model: The same, loaded; set by whoever assembles.
        threshold: Probability of entailment from which on the answer stands, in [0, 1].
        max_new_tokens: Longest answer.
    """

    def probability(self, found: Entailment) -> float:
        others = (
            (found.contradicts,)
            if found.neutral is None
            else (
                found.contradicts,
                found.neutral,
            )
        )
        return _softmax_first(found.entails, *others)


def _softmax_first(first: float, *others: float) -> float:
    return 1 / (1 + sum(math.exp(min(other - first, 700.0)) for other in others))


def _shown(one: Judged) -> str:
    passage = one.hit.passage
    return f"{passage.title}: {passage.text}" if passage.title.strip() else passage.text
