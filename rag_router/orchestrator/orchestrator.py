"""Questions in, answers out: the stages one after another, batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from rag_router import telemetry
from rag_router.experts.writing import Written, write
from rag_router.models.prefixes import read_for
from rag_router.models.prompts import Inquiry
from rag_router.orchestrator.announcing import announce_accepted, announce_answers
from rag_router.orchestrator.ask import Ask, Request, request_of
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.considering import Considered
from rag_router.orchestrator.course import Course
from rag_router.orchestrator.decoding import decode_answers
from rag_router.orchestrator.gating import begin
from rag_router.orchestrator.normalising import Asked, as_asked
from rag_router.orchestrator.pieces import Pieces
from rag_router.orchestrator.reading import read_passages
from rag_router.orchestrator.telling import tell_too_late
from rag_router.orchestrator.turns import stop_if, turn
from rag_router.orchestrator.windows import Window
from rag_router.orchestrator.work import Batch, Work
from rag_router.types import Answer, Question

__all__ = ["Orchestrator", "counted", "told_too_late"]

_CONFLICTS: Final = frozenset({"conflict", "contrast", "disagreement"})
"""Reasons of answers where not all who had their say said the same."""


@dataclass(frozen=True, kw_only=True)
class Orchestrator(Composition):
    """Answers questions with what it is composed of."""

    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def answer(
        self,
        questions: Sequence[Question | str],
        ask: Ask | None = None,
        known: Sequence[Considered] | None = None,
    ) -> list[Answer]:
        """Answer questions, in order.

        Args:
            questions: What is asked.
            ask: What is wanted otherwise than the settings say.
            known: What `consider` found out about each of them, which is not found out again.

        Raises:
            QuestionError: a question is empty or too long; none is answered then.
            UnknownNameError: an index or field named in `ask` is not there.
            UsageError: `ask` sets what the decoder does not have, or to what cannot be.
        """
        request = replace(request_of(self, ask or Ask()), known=known)
        asked = self._asked(questions)
        announce_accepted(asked, request)
        answers: list[Answer] = []
        with self._held(request):
            for at in range(0, len(asked), self.batch_size):
                batch = asked[at : at + self.batch_size]
                late = told_too_late(batch, self, request, first=at)
                answers += counted(late or self._answer_batch(batch, request, first=at))
        return answers

    def answer_window(
        self, questions: Sequence[Question | str], pieces: Pieces, ask: Ask | None = None
    ) -> list[Answer]:
        """Answer many questions stage by stage, in order; the answers are those of `answer`.

        The gate judges all of them before any is looked up, which is done for all at once; they
        are read and decoded piece by piece. What was read of each is kept until all are answered.

        Args:
            questions: What is asked; the gate reads neighbours together.
            pieces: How many are read and decoded together.
            ask: What is wanted otherwise than the settings say.

        Raises:
            QuestionError: a question is empty or too long; none is answered then.
            UnknownNameError: an index or field named in `ask` is not there.
            UsageError: `ask` sets what the decoder does not have, or to what cannot be.
        """
        return self.end_window(self.begin_window(questions, pieces, ask))

    def begin_window(
        self, questions: Sequence[Question | str], pieces: Pieces, ask: Ask | None = None
    ) -> Window:
        """Let the gate judge questions that are to be answered by `end_window`.

        The arguments and errors are those of `answer_window`.
        """
        request = request_of(self, ask or Ask())
        asked = self._asked(questions)
        announce_accepted(asked, request)
        course = Course(self, asked, request, first=0)
        with self._held(request):
            course.announce()
            course.begin(partial(self._begin, asked, request, first=0))
        pieces.note_gate(course.batch, course.work)
        return Window(course=course, pieces=pieces)

    def end_window(self, window: Window) -> list[Answer]:
        """Answer what `begin_window` has begun, in order; look it up, where nobody has before."""
        course, pieces = window.course, window.pieces
        with self._held(course.request):
            window.look_up()
            course.choose()
            with course.stage("decode"):
                for group in pieces.cut(course.left, course.batch):
                    for piece in group:
                        stop_if(course.request.ask.cancelled)
                        self._read(piece, course.batch)
                        pieces.note_read(piece)
                    self._decode([one for piece in group for one in piece], course.batch)
            return counted(course.end(self._read, self._decode))

    def consider(
        self, questions: Sequence[Question | str], ask: Ask | None = None
    ) -> list[Considered]:
        """Tell how likely the expert knows, without answering; what was read is kept.

        Raises:
            QuestionError: a question is empty or too long.
            UnknownNameError: an index or field named in `ask` is not there.
            UsageError: `ask` sets what the decoder does not have, or to what cannot be.
        """
        request = request_of(self, ask or Ask())
        asked = self._asked(questions)
        found: list[Considered] = []
        with self._held(request):
            for at in range(0, len(asked), self.batch_size):
                batch, work = self._begin(asked[at : at + self.batch_size], request, first=at)
                found += [
                    Considered(one.verdict.p_know, batch.board, one.row, self.gate.fitted)
                    for one in work
                ]
        return found

    def check(self, questions: Sequence[Question | str], ask: Ask) -> None:
        """Find what is wrong with a request, without answering it.

        Raises:
            QuestionError: a question is empty or too long.
            UnknownNameError: an index or field named in `ask` is not there.
            UsageError: `ask` sets what the decoder does not have, or to what cannot be.
        """
        request_of(self, ask)
        self._asked(questions)

    def _asked(self, questions: Sequence[Question | str]) -> list[Asked]:
        return [
            as_asked(question, number, longest=self.question_characters)
            for number, question in enumerate(questions, start=1)
        ]

    def write(
        self,
        inquiry: Inquiry,
        case: Sequence[str],
        *,
        max_new_tokens: int = 24,
        cancelled: Callable[[], bool] | None = None,
    ) -> Written:
        """Write a line that is no answer, such as a title, with the smallest model at hand.

        Args:
            inquiry: What to write, with worked examples.
            case: Lines to write it of.
            max_new_tokens: Longest line.
            cancelled: Asked while it waits, and between decoding steps; true stops it.

        Raises:
            QuestionError: the case is longer than the model can read.
            CancelledError: `cancelled` said so.
        """
        some = [one for one in (self.expert, self.proxy) if one is not None]
        smallest = min(some, key=lambda one: one.model.parameters)
        with turn(self._turn, cancelled):
            return write(
                smallest, inquiry, case, max_new_tokens=max_new_tokens, cancelled=cancelled
            )

    def _held(self, request: Request) -> AbstractContextManager[None]:
        """Hold whatever a request needs for itself while it is answered."""
        # Models take one batch at a time: two at once would only share the same cores.
        held = turn(self._turn, request.ask.cancelled)
        # Passages that are read ahead are for their own tenant's prompts alone.
        return _apart(held, request.ask.tenant) if self.expert.style.shared_passages else held

    def _begin(
        self, asked: Sequence[Asked], request: Request, *, first: int
    ) -> tuple[Batch, list[Work]]:
        return begin(asked, self, request, first=first)

    def _read(self, work: Sequence[Work], batch: Batch) -> None:
        read_passages(work, batch)

    def _decode(self, work: Sequence[Work], batch: Batch) -> None:
        decode_answers(work, batch)

    def _answer_batch(
        self, asked: Sequence[Asked], request: Request, *, first: int
    ) -> list[Answer]:
        course = Course(self, asked, request, first=first)
        course.announce()
        course.begin(partial(self._begin, asked, request, first=first))
        course.prepare()
        with course.stage("decode"):
            stop_if(request.ask.cancelled)
            self._read(course.left, course.batch)
            self._decode(course.left, course.batch)
        return course.end(self._read, self._decode)


def told_too_late(
    asked: Sequence[Asked], parts: Composition, request: Request, *, first: int
) -> list[Answer]:
    """Abstain from a batch where nobody waits for any answer of it any more; else nothing.

    Args:
        asked: Its questions.
        parts: Who would have answered.
        request: What was asked for.
        first: Place of the first of them among all that were asked together.
    """
    if not all(request.deadline_of(one.question).passed() for one in asked):
        return []
    late = [tell_too_late(one, parts, request) for one in asked]
    announce_answers(late, request, first=first)
    return late


def counted(answers: Iterable[Answer]) -> list[Answer]:
    """Let whoever listens hear of the answers."""
    told = list(answers)
    for answer in told:
        telemetry.count(telemetry.ANSWERS, reason=answer.reason)
        looked = "yes" if answer.knowledge.retrieve else "no"
        telemetry.count(telemetry.LOOKED_UP, retrieved=looked)
        if answer.reason in _CONFLICTS:
            telemetry.count(telemetry.CONFLICTS, reason=answer.reason)
        telemetry.count(telemetry.FORWARD_PASSES, answer.usage.lm_forward_passes)
        telemetry.count(telemetry.RETRIEVER_CALLS, answer.usage.retriever_calls)
        for note in answer.degraded:
            telemetry.count(telemetry.DEGRADED, stage=note.stage)
    return told


@contextmanager
def _apart(held: AbstractContextManager[None], tenant: str | None) -> Iterator[None]:
    with held, read_for(tenant):
        yield
