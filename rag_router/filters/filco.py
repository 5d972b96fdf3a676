"""FILCO: keep the sentences that make the answer likelier, or that say what is asked.

Wang et al. 2023, "Learning to filter context for retrieval-augmented generation"
(arXiv 2311.08377). Their measures of a sentence t, for a question q and the right output o, make
the silver contexts that a filter is trained on (`rag_router.eval.silver` has all three). Where an
answer is still to be found there is no right output, and these two go without:

    cxmi      ln p(a | t, q) - ln p(a | q),       a the model's own answer from all the passages
    lexical   F1 of the words of t and of q

They keep the best sentence of all; these keep, in the order of the document, the sentences that
reach the threshold. Where none does, the first passage is read whole, as they do.

Known errors of the released code, which are not repeated: its lexical F1 counts letters and not
words, its order is that of scores and not of the document, and it puts the log-ratio through a
sigmoid, where its threshold of 0.4 lets in sentences that make the answer less likely. A ratio of
1, here a log-ratio of 0, is where a sentence begins to help.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.filters.own_answer import answers_with_passages
from rag_router.filters.sentence_scored import SentenceFilter
from rag_router.filters.sentences import sentences_of
from rag_router.models.likelihood import continuation_logprobs
from rag_router.models.prompts import Prompt, closed_book_prompt, contextual_prompt
from rag_router.scoring import token_f1
from rag_router.signals import Board, Cost
from rag_router.signals.answer_states import answer_tokens
from rag_router.signals.base import Requirements
from rag_router.signals.refusals import is_refusal
from rag_router.types import Judged

__all__ = ["FilcoFilter", "FilcoLexicalFilter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _Filco(SentenceFilter):
    """What both share: where no sentence reaches the threshold, the first passage stays.

    Args:
        threshold: Figure from which on a sentence stays.
    """

    threshold: float = 0.0

    @property
    def least_figure(self) -> float:
        return self.threshold

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        return [
            _or_the_first(line, out)
            for line, out in zip(judged, super().judge(questions, judged, context), strict=True)
        ]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FilcoFilter(_Filco):
    """Keep sentences that make the model's own answer from the passages likelier.

    Args:
        min_support: Drop passages below this probability, in [0, 1]. None takes the fitted one, or
            0.1; without a curve it drops nothing.
        curve: Slope and intercept from the best sentence's log-ratio to the log-odds of helping;
            empty until fitted.
        threshold: Log-ratio in nats from which on a sentence stays; 0 is where it helps.
        max_new_tokens: Longest answer.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    max_new_tokens: Annotated[int, Field(ge=1)] = 24

    learned_of = "generator"
    options_kept = ("max_new_tokens",)
    nothing_to_say = "the model gives no answer to judge it by"
    asks = "an answer, and a prompt for each sentence"

    def described(self, figure: float) -> str:
        return f"cxmi {figure:.2f}"

    def figures(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[list[float]]]:
        """Log-ratios in nats, of whole answers; NaN where the model gives none."""
        board = context.asked_of("filco")
        answers = answers_with_passages(
            board, questions, judged, context, max_new_tokens=self.max_new_tokens
        )
        sentences = [[sentences_of(one) if one.kept else [] for one in line] for line in judged]
        asked: list[tuple[int, Prompt]] = []
        out: list[list[list[float]]] = []
        slots: list[tuple[int, int, int]] = []
        for number, (question, answer, line) in enumerate(
            zip(questions, answers, judged, strict=True)
        ):
            out.append([[math.nan] * len(some) for some in sentences[number]])
            if is_refusal(answer) or not any(sentences[number]):
                continue
            asked.append((number, closed_book_prompt(board.model, board.style, question)))
            slots.append((number, -1, -1))
            for rank, one in enumerate(line):
                for place, text in enumerate(sentences[number][rank]):
                    alone = replace(one.hit.passage, text=text)
                    prompt = contextual_prompt(board.model, board.style, question, [alone])
                    if prompt.shown[0] is not None:
                        asked.append((number, prompt))
                        slots.append((number, rank, place))
        found = self._answer_logprobs(board, asked, answers, context)
        alone_by = {slot[0]: value for slot, value in zip(slots, found, strict=True) if slot[1] < 0}
        for (number, rank, place), value in zip(slots, found, strict=True):
            if rank >= 0:
                out[number][rank][place] = round(value - alone_by[number], 4)
        return out

    def _answer_logprobs(
        self,
        board: Board,
        asked: Sequence[tuple[int, Prompt]],
        answers: Sequence[str],
        context: FilterContext,
    ) -> list[float]:
        """Ln p(answer | prompt) for each prompt; the number says whose answer."""
        said = [answer_tokens(board.model, answer)[: self.max_new_tokens] for answer in answers]
        found = continuation_logprobs(
            board.model,
            [prompt.ids for _, prompt in asked],
            [said[number] for number, _ in asked],
            shared=[prompt.shared for _, prompt in asked],
            batch_size=board.batch_size,
        )
        for (number, prompt), logprobs in zip(asked, found, strict=True):
            steps = max(len(logprobs) - 1, 0)
            cost = Cost(prefill_tokens=len(prompt.ids), decode_steps=steps, forward_rows=1 + steps)
            board.charge(context.rows[number], cost)
        return [sum(logprobs) for logprobs in found]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FilcoLexicalFilter(_Filco):
    """Keep sentences that share their words with the question.

    Args:
        min_support: Drop passages below this probability, in [0, 1]. None takes the fitted one, or
            0.1; without a curve it drops nothing.
        curve: Slope and intercept from the best sentence's F1 to the log-odds of helping; empty
            until fitted.
        threshold: F1 in [0, 1] from which on a sentence stays. The published 0.5 is for claims,
            which sentences repeat; a question shares less with what answers it.
    """

    threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.2

    def described(self, figure: float) -> str:
        return f"lexical F1 {figure:.2f}"

    def figures(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[list[float]]]:
        """F1 of words, each in [0, 1]."""
        del context
        return [
            [
                [token_f1(text, [question]) for text in sentences_of(one)] if one.kept else []
                for one in line
            ]
            for question, line in zip(questions, judged, strict=True)
        ]


def _or_the_first(before: Sequence[Judged], after: list[Judged]) -> list[Judged]:
    """Where all passages were dropped, keep the first one whole."""
    kept = [number for number, one in enumerate(before) if one.kept]
    if not kept or any(one.kept for one in after):
        return after
    first = kept[0]
    why = f"{after[first].why}; kept: no sentence of any passage does better"
    after[first] = replace(before[first], support=after[first].support, why=why)
    return after
