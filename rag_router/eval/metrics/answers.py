"""Whether an answer is right, by the kind of question it answers.

The default measure is alias match (`rag_router.scoring`). A question says by its own fields that
it is of another kind: multiple choice by `meta.choices` with `meta.answer_letter`, regular
expressions by `meta.answer_type == "regex"`, yes or no by gold answers that all say yes or no.
"""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from rag_router.errors import DataError
from rag_router.eval.metrics.choices import chosen, place_of
from rag_router.eval.metrics.columns import figures, same_length, shares
from rag_router.eval.metrics.patterns import pattern_match
from rag_router.eval.metrics.yes_no import POLAR_WORDS, polarity, wanted_polarity
from rag_router.scoring import alias_match, exact_match, token_f1
from rag_router.types import Question

__all__ = ["Judged", "judge", "token_efficiency"]


@dataclass(frozen=True, slots=True)
class Judged:
    """How right one answer is.

    Attributes:
        right: Whether it counts as right.
        em: Whether it says what is right and nothing else.
        f1: Token F1 in [0, 1]. Choices and patterns have no tokens to share: 1 or 0 as `right`.
    """

    right: bool
    em: bool
    f1: float


def judge(question: Question, answer: str | None) -> Judged:
    """Judge an answer as its question asks for.

    Args:
        question: With gold answers, or with choices and the letter of the right one. Choices
            without a letter are no multiple choice: nobody was shown a letter.
        answer: What was said; None or empty is never right.

    Raises:
        DataError: the question does not say what is right, or says it in a way nobody can read.
    """
    try:
        return _judge(question, answer)
    except DataError as exc:
        raise DataError(f"question {question.id}: {exc.message}", hint=exc.hint) from exc


def token_efficiency(em: ArrayLike, prompt_tokens: ArrayLike, *, per: int = 1) -> float:
    """Return mean exact match divided by mean prompt length.

    Args:
        em: Exact match of each question, in [0, 1].
        prompt_tokens: What the model read for each question, >= 0.
        per: Tokens that the figure is for; 1000 gives exact match per thousand tokens.

    Raises:
        DataError: unequal lengths, numbers out of range, or not one token was read.
    """
    said, read = shares("exact matches", em), figures("prompt tokens", prompt_tokens)
    same_length(matches=said, prompts=read)
    if (read < 0).any() or not read.any():
        raise DataError("prompt tokens are negative or all zero.", hint="Count what was read.")
    return float(per * said.mean() / read.mean())


def _judge(question: Question, answer: str | None) -> Judged:
    choices, letter = question.meta.get("choices"), question.meta.get("answer_letter")
    if choices is not None and letter is not None:
        right = place_of(letter, choices) == chosen(answer, choices)
        return Judged(right=right, em=right, f1=float(right))
    if not question.answers:
        raise DataError(
            "there are no answers to judge by.", hint="Give `answers`, or choices and a letter."
        )
    if question.meta.get("answer_type") == "regex":
        right = pattern_match(answer, question.answers)
        whole = pattern_match(answer, question.answers, whole=True)
        return Judged(right=right, em=whole, f1=float(right))
    wanted = wanted_polarity(question.answers)
    if wanted is not None:
        words = POLAR_WORDS[wanted]
        return Judged(
            right=polarity(answer) is wanted,
            em=exact_match(answer, words),
            f1=token_f1(answer, words),
        )
    return Judged(
        right=alias_match(answer, question.answers),
        em=exact_match(answer, question.answers),
        f1=token_f1(answer, question.answers),
    )
