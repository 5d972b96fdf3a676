"""What a model is asked about its own knowledge, with worked examples.

Each inquiry is a prompt with two possible replies, so that the model's leaning can be read off
the probabilities of the reply's first token. The examples were written for this project; none of
them comes from a question set. A gate that was fitted under one wording is bound to it by the
inquiry's fingerprint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rag_router.models.prompts import Inquiry

__all__ = [
    "CAN_ANSWER",
    "IS_CORRECT",
    "NEEDS_MORE",
    "TRUE_FALSE",
    "TRUE_FALSE_AMONG_IDEAS",
    "answer_case",
    "demonstrated",
    "ideas_case",
    "options_case",
    "question_case",
]

_OPTIONS: Final = ("Is the possible answer:", "(A) True", "(B) False")
_NEEDS: Final = "Yes, I need additional information to answer this question."
_NEEDS_NOT: Final = "No, I don't need additional information to answer this question."


def question_case(question: str) -> tuple[str, ...]:
    """Describe a case that is a question alone."""
    return (f"Question: {question}",)


def answer_case(question: str, answer: str) -> tuple[str, ...]:
    """Describe a case that is a question and an answer to it."""
    return (f"Question: {question}", f"Answer: {answer}")


def options_case(question: str, answer: str) -> tuple[str, ...]:
    """Describe a case that is a question, a possible answer and two options to choose from."""
    return (f"Question: {question}", f"Possible answer: {answer}", *_OPTIONS)


def ideas_case(question: str, answer: str, ideas: Sequence[str]) -> tuple[str, ...]:
    """Describe the same, with other answers that came to mind."""
    return (
        f"Question: {question}",
        f"Ideas: {'; '.join(ideas)}",
        f"Possible answer: {answer}",
        *_OPTIONS,
    )


TRUE_FALSE: Final = Inquiry(
    name="true_or_false",
    instruction="Judge whether each possible answer is true or false.",
    cue="The possible answer is:",
    examples=(
        (options_case("What is the capital of Norway?", "Oslo"), "A"),
        (options_case("who painted the mona lisa", "Vincent van Gogh"), "B"),
        (options_case("How many legs does a spider have?", "six"), "B"),
        (options_case("which planet is closest to the sun", "Mercury"), "A"),
    ),
    yes=("A", "(A"),
    no=("B", "(B"),
)
"""P(True) of Kadavath et al. 2022 (arXiv 2207.05221)."""

TRUE_FALSE_AMONG_IDEAS: Final = replace(
    TRUE_FALSE,
    name="true_among_ideas",
    examples=(
        (
            ideas_case(
                "What is the capital of Norway?",
                "Oslo",
                ("Oslo", "Bergen", "Oslo", "Oslo", "Stockholm"),
            ),
            "A",
        ),
        (
            ideas_case(
                "who painted the mona lisa",
                "Vincent van Gogh",
                ("Leonardo da Vinci", "Vincent van Gogh", "Leonardo", "Michelangelo", "da Vinci"),
            ),
            "B",
        ),
        (
            ideas_case(
                "How many legs does a spider have?", "six", ("eight", "six", "8", "ten", "eight")
            ),
            "B",
        ),
        (
            ideas_case(
                "which planet is closest to the sun",
                "Mercury",
                ("Mercury", "Venus", "Mercury", "the planet Mercury", "Mercury"),
            ),
            "A",
        ),
    ),
)
"""The same where the model has seen some of its own samples before."""

CAN_ANSWER: Final = Inquiry(
    name="can_answer",
    instruction="Say whether you can answer each question from memory, without looking it up.",
    cue="Can you answer it? Reply Yes or No:",
    examples=(
        (question_case("What is the capital of Norway?"), "Yes"),
        (question_case("who kept the accounts of the second fram expedition"), "No"),
        (question_case("How many pages does my neighbour's diary have?"), "No"),
        (question_case("which planet is closest to the sun"), "Yes"),
    ),
)
"""Judgement before answering, after Ren et al. 2023 (arXiv 2307.11019)."""

IS_CORRECT: Final = Inquiry(
    name="is_correct",
    instruction="Say whether each answer is correct.",
    cue="Is the answer correct? Reply Yes or No:",
    examples=(
        (answer_case("What is the capital of Norway?", "Oslo"), "Yes"),
        (answer_case("who painted the mona lisa", "Vincent van Gogh"), "No"),
        (answer_case("How many legs does a spider have?", "six"), "No"),
        (answer_case("which planet is closest to the sun", "Mercury"), "Yes"),
    ),
)
"""Judgement after answering, after Ren et al. 2023 (arXiv 2307.11019)."""

NEEDS_MORE: Final = Inquiry(
    name="needs_more",
    instruction="Say whether you need additional information to answer each question.",
    cue="Do you need additional information to answer this question? Reply Yes or No:",
    examples=(),
)
"""Whether to look something up, after SKR, Wang et al. 2023 (arXiv 2310.05002)."""


def demonstrated(known: Sequence[str], unknown: Sequence[str]) -> Inquiry:
    """Show questions that a model answered rightly by itself, and others that it did not.

    Those that need more and those that do not take turns, so that neither reply is what the
    model has just read several times.
    """
    needed = [(question_case(question), _NEEDS) for question in unknown]
    spared = [(question_case(question), _NEEDS_NOT) for question in known]
    longest = range(max(len(needed), len(spared)))
    turns = (side[at] for at in longest for side in (spared, needed) if at < len(side))
    return replace(NEEDS_MORE, name="needs_more_by_example", examples=tuple(turns))
