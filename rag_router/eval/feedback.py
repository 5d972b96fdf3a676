"""What people said of answers: labels that need no accepted answers.

A line of a feedback file is an answer as the service gives it, with what somebody said of it:

    {"question": "…", "answer": "…", "reason": "parametric", "right": true}

`closed_book`, true or false, may stand in the place of `reason`. An answer from passages says
nothing about memory, and one that the model no longer gives says nothing about the model: only
what it still answers from memory, word for word after normalisation, is a label. Where somebody
said what would have been right (`correct_answer`), whatever it answers now is judged by that.
Mind that people see an answer from memory only where a gate let it pass; beside feedback,
questions with accepted answers show a gate the other ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rag_router.artefacts import fingerprint_of
from rag_router.eval.labels import Labelled, label
from rag_router.eval.readable import readable
from rag_router.eval.readers.lines import read_rows
from rag_router.eval.readers.row import Row
from rag_router.experts import Expert
from rag_router.outcomes import OutcomeCache
from rag_router.scoring import first_line, normalise
from rag_router.types import Question

__all__ = ["Feedback", "Heard", "label_by_feedback", "read_feedback"]

OnProgress = Callable[[int, int], None]

_LAYOUT: Final = (
    'Each line is {"question": …, "answer": …, "right": true or false, "closed_book": true or '
    'false}; in place of closed_book, "reason" as the service gives it. "correct_answer" may stand '
    "beside it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What somebody said of an answer.

    Attributes:
        question: What was asked.
        answer: What was shown; empty where nothing was.
        right: Whether it was right, as they said.
        closed_book: Whether it was from memory.
        correct_answer: What would have been right; empty where nobody said so.
    """

    question: str
    answer: str
    right: bool
    closed_book: bool
    correct_answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What feedback was worth.

    Attributes:
        labelled: One for each question that something was learned about.
        read: Lines of feedback.
        from_passages: Of these, lines about an answer that was not from memory, or about none.
        disputed: Questions about whose answer as many said one thing as the other.
        outdated: Questions to which the model answers something else now.
        too_long: Questions that are too long for the model.
    """

    labelled: list[Labelled]
    read: int
    from_passages: int
    disputed: int
    outdated: int
    too_long: int

    def __str__(self) -> str:
        return (
            f"lines read: {self.read}, not about an answer from memory: "
            f"{self.from_passages}; questions labelled: {len(self.labelled)}, disputed: "
            f"{self.disputed}, answered otherwise now: {self.outdated}, too long: {self.too_long}"
        )


def read_feedback(path: Path) -> list[Feedback]:
    """Read a feedback file, JSON Lines, plain or .gz.

    Raises:
        DataError: the file cannot be read, or a line is broken; says which.
    """
    return [
        Feedback(
            question=" ".join(row.text("question").split()),
            answer=row.optional_text("answer"),
            right=_flag(row, "right"),
            closed_book=_from_memory(row),
            correct_answer=row.optional_text("correct_answer"),
        )
        for row in read_rows(path, _LAYOUT)
    ]


def label_by_feedback(
    expert: Expert,
    feedback: Sequence[Feedback],
    *,
    cache: OutcomeCache | None = None,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> Heard:
    """Let an expert answer once more, and take people's word for whether that is right.

    Of several who judged the same answer the greater number counts. An answer that nobody judged,
    or as many one way as the other, is judged by what somebody called the correct one.

    Args:
        expert: Whose knowledge was judged.
        feedback: What people said.
        cache: Where closed-book answers are kept.
        batch_size: Questions in one forward pass.
        on_progress: Hears (done, all).
    """
    votes, correct = _votes(feedback), _correct(feedback)
    asked = [
        Question(
            id=f"feedback-{fingerprint_of(text)[:16]}", text=text, answers=correct.get(text, ())
        )
        for text in dict.fromkeys([*(question for question, _ in votes), *correct])
    ]
    fits = readable(expert, asked)
    answered = label(
        expert, fits.questions, cache=cache, batch_size=batch_size, on_progress=on_progress
    )
    labelled: list[Labelled] = []
    disputed = outdated = 0
    for one in answered:
        vote = votes.get((one.question.text, _same(one.outcome.answer)))
        if vote:
            labelled.append(replace(one, right=vote > 0))
        elif one.question.answers:
            labelled.append(one)
        elif vote is None:
            outdated += 1
        else:
            disputed += 1
    return Heard(
        labelled=labelled,
        read=len(feedback),
        from_passages=sum(
            not _judges_memory(one) and not one.correct_answer.strip() for one in feedback
        ),
        disputed=disputed,
        outdated=outdated,
        too_long=len(fits.too_long),
    )


def _votes(feedback: Iterable[Feedback]) -> dict[tuple[str, str], int]:
    """For each question and answer from memory: how many more called it right than wrong."""
    votes: dict[tuple[str, str], int] = defaultdict(int)
    for one in feedback:
        if _judges_memory(one):
            votes[one.question, _same(one.answer)] += 1 if one.right else -1
    return dict(votes)


def _correct(feedback: Iterable[Feedback]) -> dict[str, tuple[str, ...]]:
    """For each question of which somebody said so: what is right."""
    correct: dict[str, tuple[str, ...]] = {}
    for one in feedback:
        if said := one.correct_answer.strip():
            correct[one.question] = tuple(dict.fromkeys((*correct.get(one.question, ()), said)))
    return correct


def _judges_memory(one: Feedback) -> bool:
    return one.closed_book and bool(one.answer.strip())


def _same(answer: str) -> str:
    """What two answers have in common that say the same in the same words."""
    return normalise(first_line(answer))


def _from_memory(row: Row) -> bool:
    if row.fields.get("closed_book") is None and row.fields.get("reason") is not None:
        return row.text("reason") == "parametric"
    return _flag(row, "closed_book")


def _flag(row: Row, key: str) -> bool:
    value = row.fields.get(key)
    if value is None:
        raise row.wrong(f"lacks {key!r}")
    if not isinstance(value, bool):
        raise row.wrong(f"{key} is true or false, saw {str(value)[:40]!r}")
    return value
