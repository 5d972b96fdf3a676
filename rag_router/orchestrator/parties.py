"""Experts that answer side by side, and how far each of them has come with its questions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from rag_router.errors import UnavailableError
from rag_router.orchestrator.announcing import announce_accepted
from rag_router.orchestrator.ask import Ask, Request, request_of
from rag_router.orchestrator.considering import Considered
from rag_router.orchestrator.course import Course
from rag_router.orchestrator.decoding import decode_answers
from rag_router.orchestrator.gating import begin
from rag_router.orchestrator.normalising import Asked
from rag_router.orchestrator.orchestrator import Orchestrator, counted, told_too_late
from rag_router.orchestrator.reading import read_passages
from rag_router.signals import Board
from rag_router.signals.base import Reading, Signal
from rag_router.types import Answer, Question

__all__ = ["Party", "Share", "timed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The questions of a request that one of several experts answers.

    Attributes:
        parts: The expert's orchestrator.
        questions: Its questions.
        places: Their places among all of the request, ascending.
        ask: As the expert would be asked alone; `cancelled` is the same for all.
        known: What it has found out about each of them before; None if nobody asked.
    """

    parts: Orchestrator
    questions: Sequence[Question]
    places: Sequence[int]
    ask: Ask
    known: Sequence[Considered] | None = None


@dataclass(slots=True, eq=False)
class Party:
    """How far an expert has come with its share; every step may say that it cannot go on.

    Attributes:
        share: What it answers.
        answers: Those that are told already.
        failure: Why it cannot go on.
        request: What follows from what was asked, once it is accepted.
        asked: Its questions, likewise.
        course: Of the batch at hand.
        found: What the common passes found out about that batch, for its board.
    """

    share: Share
    answers: list[Answer] = field(default_factory=list)
    failure: UnavailableError | None = None
    request: Request = field(init=False)
    asked: list[Asked] = field(init=False)
    course: Course = field(init=False)
    found: list[tuple[Signal[Any], int, Reading[Any]]] = field(default_factory=list)

    def accept(self) -> None:
        """Make sense of what is asked."""
        share = self.share
        self.request = replace(request_of(share.parts, share.ask), known=share.known)
        self.asked = share.parts._asked(share.questions)
        announce_accepted(self.asked, self.request)

    def set_out(self, at: int, end: int) -> bool:
        """Take up some of its questions; false where it is too late for them."""
        parts, asked = self.share.parts, self.asked[at:end]
        if late := told_too_late(asked, parts, self.request, first=at):
            self.answers += counted(late)
            return False
        self.course = Course(parts, asked, self.request, first=at)
        self.course.announce()
        self.found = []
        return True

    def begin(self) -> None:
        """Let the gate judge, from what is known already."""
        course, parts = self.course, self.share.parts
        course.begin(
            partial(
                begin, course.asked, parts, course.request, first=course.first, board_of=self.board
            )
        )

    def board(self, *args: Any, **more: Any) -> Board:
        """Make the board of the batch at hand, with what is known already."""
        board = Board(*args, **more)
        for signal, row, reading in self.found:
            board.preset(signal, row, reading)
        return board

    def prepare(self) -> None:
        """Look up and filter."""
        self.course.prepare()

    def read(self) -> None:
        """Read the passages by itself."""
        read_passages(self.course.left, self.course.batch)

    def decode(self) -> None:
        """Decode the answers by itself."""
        decode_answers(self.course.left, self.course.batch)

    def end(self) -> None:
        """Verify, judge and tell the answers."""
        self.answers += counted(self.course.end(read_passages, decode_answers))


def timed(parties: Sequence[Party], stage: str) -> ExitStack:
    """Time a stage that parties go through together, for each of them."""
    stack = ExitStack()
    for one in parties:
        stack.enter_context(one.course.stage(stage))
    return stack
