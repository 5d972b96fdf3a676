"""Questions in, answers out: the stages one after another, batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from rag_router import telemetry
from rag_router.orchestrator.apart import put_together, take_apart
from rag_router.orchestrator.ask import Ask, Request, request_of
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.decoding import decode_answers, note_memory
from rag_router.orchestrator.filtering import filter_passages
from rag_router.orchestrator.gating import begin
from rag_router.orchestrator.judging import judge
from rag_router.orchestrator.looking import look_up
from rag_router.orchestrator.normalising import Asked, as_asked
from rag_router.orchestrator.planning import plan
from rag_router.orchestrator.reading import read_passages
from rag_router.orchestrator.serving import serve_recalled
from rag_router.orchestrator.telling import tell, tell_too_late
from rag_router.orchestrator.verifying import verify_answers
from rag_router.types import Answer, ExpertChoice, Question

__all__ = ["Orchestrator"]


@dataclass(frozen=True, kw_only=True)
class Orchestrator(Composition):
    """Answers questions with what it is composed of."""

    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def answer(self, questions: Sequence[Question | str], ask: Ask | None = None) -> list[Answer]:
        """Answer questions, in order.

        Raises:
            QuestionError: a question is empty or too long; none is answered then.
            UnknownNameError: an index or field named in `ask` is not there.
            UsageError: `ask` sets what the decoder does not have, or to what cannot be.
        """
        request = request_of(self, ask or Ask())
        asked = [
            as_asked(question, number, longest=self.question_characters)
            for number, question in enumerate(questions, start=1)
        ]
        answers: list[Answer] = []
        # Models take one batch at a time: two at once would only share the same cores.
        with self._turn:
            for at in range(0, len(asked), self.batch_size):
                batch = asked[at : at + self.batch_size]
                if request.deadline.passed():
                    answers += _counted(tell_too_late(one, self, request) for one in batch)
                else:
                    answers += _counted(self._answer_batch(batch, request))
        return answers

    def _answer_batch(self, asked: Sequence[Asked], request: Request) -> list[Answer]:
        watch = telemetry.Stopwatch()
        with watch.stage("route"):
            expert = ExpertChoice(name=self.expert.name)
        with watch.stage("gate"):
            batch, work = begin(asked, self, request)
        with watch.stage("retrieve"):
            look_up(work, batch)
        with watch.stage("filter"):
            left = serve_recalled(work, batch)
            filter_passages(left, batch)
            plan(left, batch)
            left, parted = take_apart(left)
        with watch.stage("decode"):
            read_passages(left, batch)
            decode_answers(left, batch)
        with watch.stage("verify"):
            verify_answers(left, batch)
            judge(left, batch)
            put_together(parted)
            note_memory(work, batch)
            answers = [tell(one, batch, expert) for one in work]
        timings = {**watch.ms, "total": watch.total()}
        return [replace(answer, timings_ms=timings) for answer in answers]


def _counted(answers: Iterable[Answer]) -> list[Answer]:
    """Let whoever listens hear of the answers."""
    told = list(answers)
    for answer in told:
        telemetry.count(telemetry.ANSWERS, reason=answer.reason)
        telemetry.count(telemetry.FORWARD_PASSES, answer.usage.lm_forward_passes)
        telemetry.count(telemetry.RETRIEVER_CALLS, answer.usage.retriever_calls)
        for note in answer.degraded:
            telemetry.count(telemetry.DEGRADED, stage=note.stage)
    return told
