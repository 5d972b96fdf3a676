"""Whoever answers, behind a queue: the one thread that owns the models, and those who wait for it.

Answers are those of an idle service. Questions of several requests stand in one batch where what
they want can be told apart row by row; a batch that fails is answered request by request, so that
one that cannot be answered takes nobody else along.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from rag_router import telemetry
from rag_router.api.batching.together import Party, Single, together, told_apart
from rag_router.api.batching.waiting import Guest, Lane, WaitingRoom
from rag_router.errors import CancelledError
from rag_router.experts.deadline import Deadline
from rag_router.experts.writing import Written
from rag_router.models.prompts import Inquiry
from rag_router.orchestrator import Ask, Orchestrator, PooledOrchestrator
from rag_router.orchestrator.ask import company_of
from rag_router.orchestrator.events import Accepted
from rag_router.types import Answer, Question

__all__ = ["Answers", "Batcher"]

Answers = Orchestrator | PooledOrchestrator
"""Who answers: one expert, or a pool of them."""

Waited = TypeVar("Waited")

_ATTRIBUTES: Final = {
    # OpenTelemetry's conventions for generative AI.
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.provider.name": "rag_router",
    "gen_ai.agent.name": "rag_router",
}
_LOOK_S: Final = 0.05
"""How often whoever waits looks whether it is still wanted."""


@dataclass(eq=False, slots=True)
class _Errand:
    """A line that is to be written."""

    write: Callable[[], Written]
    written: Future[Written] = field(default_factory=Future)


class Batcher:
    """Answers and writes as whoever it stands before; any number of threads may ask at once.

    Args:
        answers: Who answers.
        most: Most questions that may wait, >= 1.
        threads: How many batches are worked on at once, >= 1: one where models are here, since
            several would only share its cores; more where somebody else's are waited for.
    """

    def __init__(self, answers: Answers, *, most: int = 256, threads: int = 1) -> None:
        self.answers = answers
        self._room: WaitingRoom[Single | _Errand] = WaitingRoom(most)
        self._threads = [
            threading.Thread(target=self._work, name=f"batcher-{n}", daemon=True)
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def answer(self, questions: Sequence[Question | str], ask: Ask | None = None) -> list[Answer]:
        """Answer questions, in order, together with those of others.

        Raises:
            OverloadedError: too many wait already, or the service ends.
            CancelledError: `ask.cancelled` said so.
            RagRouterError: whatever the one behind raises.
        """
        ask = self._begun(ask or Ask())
        asked = [
            one if isinstance(one, Question) else Question(id=str(number), text=one)
            for number, one in enumerate(questions, start=1)
        ]
        # Whoever asks what makes no sense hears of it at once.
        self.answers.check(asked, ask)
        if not asked:
            return self.answers.answer([], ask)
        with telemetry.span(telemetry.ANSWERING, _ATTRIBUTES) as note:
            answers = self._queued(asked, ask)
            note(_usage_of(answers))
        return answers

    def _queued(self, asked: Sequence[Question], ask: Ask) -> list[Answer]:
        party = Party(ask, asked)
        deadline, company = ask.deadline, company_of(ask)
        guests: list[Guest[Single | _Errand]] = [
            Guest(
                what=Single(party, row),
                company=company,
                late=(lambda: False) if deadline is None else deadline.passed,
            )
            for row in range(len(asked))
        ]
        self._room.enter(guests)
        if ask.heard is not None:
            for row in range(len(asked)):
                ask.heard(Accepted(row=row))
        return self._waited(party.answered, guests, ask.cancelled)

    def write(
        self,
        inquiry: Inquiry,
        case: Sequence[str],
        *,
        max_new_tokens: int = 24,
        cancelled: Callable[[], bool] | None = None,
        lane: Lane = Lane.ANSWER,
    ) -> Written:
        """Write a line that is no answer; errands in a lane of their own let answers go first.

        Raises:
            OverloadedError: too many wait already, or the service ends.
            CancelledError: `cancelled` said so.
            RagRouterError: whatever the one behind raises.
        """
        errand = _Errand(
            lambda: self.answers.write(
                inquiry, case, max_new_tokens=max_new_tokens, cancelled=cancelled
            )
        )
        guests: list[Guest[Single | _Errand]] = [Guest(what=errand, lane=lane)]
        self._room.enter(guests)
        return self._waited(errand.written, guests, cancelled)

    @property
    def waiting(self) -> int:
        """How many questions and errands wait."""
        return len(self._room)

    def close(self, *, wait: bool = True) -> None:
        """Take nothing more; what waits is still done.

        Args:
            wait: Whether to return only when all of it is.
        """
        self._room.close()
        for thread in self._threads if wait else ():
            thread.join()

    def _begun(self, ask: Ask) -> Ask:
        """Let the deadline run: time in the queue is time that somebody waits."""
        seconds = (ask.deadline_s, self.answers.answer_seconds)
        if ask.deadline is not None or seconds == (None, None):
            return ask
        return replace(ask, deadline=Deadline.within(*seconds, clock=self.answers.clock))

    def _waited(
        self,
        future: Future[Waited],
        guests: Sequence[Guest[Single | _Errand]],
        cancelled: Callable[[], bool] | None,
    ) -> Waited:
        if cancelled is None:
            return future.result()
        while True:
            done, _ = wait([future], timeout=_LOOK_S)
            # What a request that was given up has come to so far is cut short: no answer.
            if cancelled():
                self._room.leave(guests)
                raise CancelledError("answering was cancelled.")
            if done:
                return future.result()

    def _work(self) -> None:
        while guests := self._room.take(self.answers.batch_size):
            began = time.monotonic()
            for guest in guests:
                telemetry.time_of(telemetry.QUEUE_WAIT, (began - guest.came) * 1000)
            first = guests[0].what
            if isinstance(first, _Errand):
                _run(first)
            else:
                singles = [guest.what for guest in guests if isinstance(guest.what, Single)]
                telemetry.measure(telemetry.BATCH_QUESTIONS, len(singles))
                self._answer([one for one in singles if not one.party.gone()])
            self._room.done(len(guests), time.monotonic() - began)

    def _answer(self, singles: Sequence[Single]) -> None:
        if not singles:
            return
        questions, ask = together(singles)
        try:
            links = [party.span for party in dict.fromkeys(one.party for one in singles)]
            known = {"rag_router.batch.questions": len(singles)}
            with telemetry.span(telemetry.BATCH, known, links=links):
                answers = self.answers.answer(questions, ask)
        except Exception as exc:  # noqa: BLE001  # whoever waits hears of it, whatever it is
            self._failed(singles, exc)
        else:
            told_apart(singles, answers)

    def _failed(self, singles: Sequence[Single], exc: Exception) -> None:
        """Find out whose fault it is, by answering each request by itself."""
        parties = list(dict.fromkeys(one.party for one in singles))
        if len(parties) == 1 or isinstance(exc, CancelledError):
            for party in parties:
                party.fail(exc)
            return
        for party in parties:
            self._answer([one for one in singles if one.party is party and not party.gone()])


def _usage_of(answers: Sequence[Answer]) -> dict[str, int]:
    return {
        "gen_ai.usage.input_tokens": sum(one.usage.prompt_tokens for one in answers),
        "gen_ai.usage.output_tokens": sum(one.usage.completion_tokens for one in answers),
        "rag_router.questions": len(answers),
        "rag_router.looked_up": sum(one.knowledge.retrieve for one in answers),
        "rag_router.abstained": sum(one.abstained for one in answers),
        "rag_router.degraded": sum(bool(one.degraded) for one in answers),
    }


def _run(errand: _Errand) -> None:
    try:
        errand.written.set_result(errand.write())
    except Exception as exc:  # noqa: BLE001  # whoever waits hears of it, whatever it is
        errand.written.set_exception(exc)
