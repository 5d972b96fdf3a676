"""Questions of several requests as one, and what comes of it told to each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from rag_router import telemetry
from rag_router.orchestrator import Ask
from rag_router.orchestrator.events import Accepted, Done, Event
from rag_router.types import Answer, Question

__all__ = ["Party", "Single", "together", "told_apart"]


@dataclass(eq=False, slots=True)
class Party:
    """A request that waits for the answers to its questions.

    Attributes:
        ask: What it wants; its deadline runs.
        questions: What it asks, by the ids of its own.
        answers: As far as they are there, by row.
        span: What the span of the batch it is answered in links to.
        answered: Holds all of them in the end, or what went wrong.
    """

    ask: Ask
    questions: Sequence[Question]
    answers: dict[int, Answer] = field(default_factory=dict)
    answered: Future[list[Answer]] = field(default_factory=Future)
    span: Any = field(default_factory=telemetry.here)

    def take(self, row: int, answer: Answer) -> None:
        """Take an answer; the last one makes the request whole."""
        self.answers[row] = answer
        if len(self.answers) == len(self.questions) and not self.answered.done():
            self.answered.set_result([self.answers[n] for n in range(len(self.questions))])

    def fail(self, exc: Exception) -> None:
        """Give up: one question that cannot be answered stands for all of a request."""
        if not self.answered.done():
            self.answered.set_exception(exc)

    def gone(self) -> bool:
        """Whether nobody waits for it any more."""
        cancelled = self.ask.cancelled
        return self.answered.done() or (cancelled is not None and cancelled())


@dataclass(frozen=True, slots=True)
class Single:
    """One question of a request, by its row."""

    party: Party
    row: int

    @property
    def question(self) -> Question:
        return self.party.questions[self.row]

    def told(self, answer: Answer) -> Answer:
        """Return an answer by the question's own id."""
        return replace(answer, id=self.question.id)


def together(singles: Sequence[Single]) -> tuple[list[Question], Ask]:
    """Make one request of single questions whose asks have a common company.

    It goes on while anybody waits, and may take as long as whoever has most time.
    """
    questions = [
        # Ids of several requests may be the same.
        replace(one.question, id=f"{number}")
        for number, one in enumerate(singles)
    ]
    asks = [one.party.ask for one in singles]
    deadlines = [ask.deadline for ask in asks if ask.deadline is not None]
    common = replace(
        asks[0],
        deadline=max(deadlines, key=lambda one: one.ends, default=None),
        cancelled=lambda: all(one.party.gone() for one in singles),
        heard=_heard(singles),
        own={
            question.id: replace(one.party.ask, cancelled=one.party.gone, heard=None)
            for question, one in zip(questions, singles, strict=True)
        },
    )
    return questions, common


def told_apart(singles: Sequence[Single], answers: Sequence[Answer]) -> None:
    """Give each request the answers to its questions."""
    for one, answer in zip(singles, answers, strict=True):
        one.party.take(one.row, one.told(answer))


def _heard(singles: Sequence[Single]) -> _Crier | None:
    return _Crier(singles) if any(one.party.ask.heard is not None for one in singles) else None


@dataclass(frozen=True, slots=True)
class _Crier:
    """Tells each request of its own questions, by their places among its own."""

    singles: Sequence[Single]

    def __call__(self, event: Event) -> None:
        one = self.singles[event.row]
        heard = one.party.ask.heard
        # That it was accepted was told when it came.
        if heard is None or isinstance(event, Accepted) or one.party.gone():
            return
        if isinstance(event, Done):
            event = replace(event, answer=one.told(event.answer))
        heard(replace(event, row=one.row))
