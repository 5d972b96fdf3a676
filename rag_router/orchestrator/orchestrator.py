"""Questions in, answers out: the stages one after another, batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Final

from rag_router import telemetry
from rag_router.experts.writing import Written, write
from rag_router.models.prompts import Inquiry
from rag_router.orchestrator.announcing import (
    announce_accepted,
    announce_answers,
    announce_begun,
    announce_filtered,
    announce_found,
    announce_plans,
    announce_verdicts,
)
from rag_router.orchestrator.apart import put_together, take_apart
from rag_router.orchestrator.ask import Ask, Request, request_of
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.considering import Considered
from rag_router.orchestrator.decoding import decode_answers, note_memory
from rag_router.orchestrator.filtering import filter_passages
from rag_router.orchestrator.gating import begin
from rag_router.orchestrator.judging import judge
from rag_router.orchestrator.looking import look_up
from rag_router.orchestrator.normalising import Asked, as_asked
from rag_router.orchestrator.pieces import Pieces
from rag_router.orchestrator.planning import plan
from rag_router.orchestrator.reading import read_passages
from rag_router.orchestrator.serving import serve_recalled
from rag_router.orchestrator.telling import tell, tell_too_late
from rag_router.orchestrator.turns import stop_if, turn
from rag_router.orchestrator.verifying import verify_answers
from rag_router.orchestrator.work import Batch, Work
from rag_router.types import Answer, ExpertChoice, Question

__all__ = ["Orchestrator"]

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
                if all(request.deadline_of(one.question).passed() for one in batch):
                    late = [tell_too_late(one, self, request) for one in batch]
                    announce_answers(late, request, first=at)
                    answers += _counted(late)
                else:
                    answers += _counted(self._answer_batch(batch, request, first=at))
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
        request = request_of(self, ask or Ask())
        asked = self._asked(questions)
        announce_accepted(asked, request)
        with self._held(request):
            return _counted(self._answer_batch(asked, request, first=0, pieces=pieces))

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
                found += [Considered(one.verdict.p_know, batch.board, one.row) for one in work]
        return found

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
        return turn(self._turn, request.ask.cancelled)

    def _begin(
        self, asked: Sequence[Asked], request: Request, *, first: int
    ) -> tuple[Batch, list[Work]]:
        return begin(asked, self, request, first=first)

    def _read(self, work: Sequence[Work], batch: Batch) -> None:
        read_passages(work, batch)

    def _decode(self, work: Sequence[Work], batch: Batch) -> None:
        decode_answers(work, batch)

    def _answer_batch(
        self,
        asked: Sequence[Asked],
        request: Request,
        *,
        first: int,
        pieces: Pieces | None = None,
    ) -> list[Answer]:
        if not asked:
            return []
        watch = telemetry.Stopwatch()
        with watch.stage("route"):
            expert = ExpertChoice(name=self.expert.name)
        with watch.stage("gate"):
            announce_begun(asked, request, first=first)
            batch, work = self._begin(asked, request, first=first)
            announce_verdicts(work, batch)
            if pieces is not None:
                pieces.note_gate(batch, work)
        with watch.stage("retrieve"):
            stop_if(request.ask.cancelled)
            look_up(work, batch)
            announce_found(work, batch)
        with watch.stage("filter"):
            stop_if(request.ask.cancelled)
            left = serve_recalled(work, batch)
            filter_passages(left, batch)
            announce_filtered(work, batch)
            plan(left, batch)
            announce_plans(work, batch)
            left, parted = take_apart(left)
        with watch.stage("decode"):
            stop_if(request.ask.cancelled)
            for piece in [left] if pieces is None else pieces.cut(left, batch):
                stop_if(request.ask.cancelled)
                self._read(piece, batch)
                if pieces is not None:
                    pieces.note_read(piece)
                self._decode(piece, batch)
        with watch.stage("verify"):
            verify_answers(left, batch, read=self._read, decode=self._decode)
            judge(left, batch)
            put_together(parted)
            note_memory(work, batch)
            answers = [tell(one, batch, expert) for one in work]
        timings = {**watch.ms, "total": watch.total()}
        answers = [replace(answer, timings_ms=timings) for answer in answers]
        ended = [one.generation.finish if one.generation else None for one in work]
        announce_answers(answers, request, first=first, finishes=ended)
        return answers


def _counted(answers: Iterable[Answer]) -> list[Answer]:
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
