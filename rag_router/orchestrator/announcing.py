"""Telling whoever listens what each stage came to; where nobody does, nothing is done.

Words are certain where no stage after decoding can put others in their place. One thing is looked
at even then: an answer that says in words that there is none is no answer, so what could become
that is held back until it has become something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rag_router.models.prompts import ABSTENTION
from rag_router.models.streams import Finish, Spoken
from rag_router.orchestrator.ask import Request
from rag_router.orchestrator.events import (
    Accepted,
    Begun,
    Done,
    Event,
    Filtered,
    GateVerdict,
    Planned,
    Retrieved,
    Routed,
    Spoke,
)
from rag_router.orchestrator.normalising import Asked
from rag_router.orchestrator.work import Batch, Work
from rag_router.scoring import first_line, normalise
from rag_router.types import Answer

__all__ = [
    "Telling",
    "announce_accepted",
    "announce_answers",
    "announce_begun",
    "announce_filtered",
    "announce_found",
    "announce_known",
    "announce_plans",
    "announce_verdicts",
]


def announce_accepted(asked: Sequence[Asked], request: Request) -> None:
    """Tell that these are going to be answered."""
    if (heard := request.ask.heard) is not None:
        for row in range(len(asked)):
            heard(Accepted(row=row))


def announce_begun(asked: Sequence[Asked], request: Request, *, first: int) -> None:
    """Tell that it is the turn of these; `first` is the place of the first one among all."""
    if (heard := request.ask.heard) is not None:
        for row, one in enumerate(asked, start=first):
            heard(Begun(row=row, question=one.question.text))


def announce_verdicts(work: Sequence[Work], batch: Batch) -> None:
    """Tell what the gate said."""
    _announce(
        batch,
        lambda: (
            GateVerdict(
                row=batch.first + one.row,
                gate=batch.parts.gate_name,
                p_know=one.verdict.p_know,
                threshold=one.verdict.threshold,
                advised=one.verdict.retrieve,
                reason=one.verdict.reason,
            )
            for one in work
        ),
    )


def announce_found(work: Sequence[Work], batch: Batch) -> None:
    """Tell who answers, where it was looked up, and what was found."""
    _announce(
        batch,
        lambda: (
            event
            for one in work
            for event in (
                Routed(
                    row=batch.first + one.row,
                    expert=batch.parts.expert.name,
                    retrievers=one.retrievers,
                ),
                Retrieved(
                    row=batch.first + one.row, looked=one.retrieve, found=one.evidence.judged
                ),
            )
        ),
    )


def announce_filtered(work: Sequence[Work], batch: Batch) -> None:
    """Tell what of it is worth reading."""
    _announce(
        batch,
        lambda: (
            Filtered(
                row=batch.first + one.row,
                judged=one.evidence.judged,
                support=one.evidence.support,
            )
            for one in work
            if one.evidence.judged
        ),
    )


def announce_plans(work: Sequence[Work], batch: Batch) -> None:
    """Tell who is to answer."""
    _announce(batch, lambda: (Planned(row=batch.first + one.row, plan=one.plan) for one in work))


def announce_known(one: Work, batch: Batch) -> None:
    """Tell an answer that was decoded before anybody listened, all at once."""
    one.attempt += 1
    if one.generation is None or one.part:
        return
    telling = Telling([one], batch)
    telling(Spoken(number=0, text=one.generation.text, token=None, finish=one.generation.finish))


def announce_answers(
    answers: Sequence[Answer],
    request: Request,
    *,
    first: int,
    finishes: Sequence[Finish | None] | None = None,
) -> None:
    """Tell the answers.

    Args:
        answers: Those of a batch, in the order of its questions.
        request: What was asked for.
        first: Place of the first question among all that were asked together.
        finishes: What ended each answer's words; None where nobody said anything.
    """
    if (heard := request.ask.heard) is not None:
        ended = finishes or [None] * len(answers)
        for row, (answer, finish) in enumerate(zip(answers, ended, strict=True), start=first):
            heard(Done(row=row, answer=answer, finish=finish))


class Telling:
    """Tells the words of some answers while they are decoded.

    Args:
        work: Whose words they are, in the order in which they are decoded.
        batch: Theirs.
    """

    def __init__(self, work: Sequence[Work], batch: Batch) -> None:
        self._work, self._batch = work, batch
        self._certain = [_certain(one, batch) for one in work]
        self._said = [""] * len(work)
        self._told = [0] * len(work)

    def __call__(self, spoken: Spoken) -> None:
        one, number = self._work[spoken.number], spoken.number
        self._said[number] += spoken.text
        said, told = self._said[number], self._told[number]
        heard = self._batch.request.ask.heard
        # The parts of a question are put together before anything can be told of it.
        if heard is None or one.part or len(said) == told or _may_refuse(said):
            return
        self._told[number] = len(said)
        heard(
            Spoke(
                row=self._batch.first + one.row,
                text=said[told:],
                attempt=one.attempt,
                certain=self._certain[number],
            )
        )


def _announce(batch: Batch, events: Callable[[], Iterable[Event]]) -> None:
    if (heard := batch.request.ask.heard) is not None:
        for event in events():
            heard(event)


def _certain(one: Work, batch: Batch) -> bool:
    """Whether what is decoded now will be given, whatever it says."""
    parts, request = batch.parts, batch.request
    if one.attempt > 1 or "abstain" in request.decoder.streams:
        return False
    weighed = parts.outlook.fitted and request.as_fitted
    if not one.read:
        sure = one.verdict.p_know >= parts.policy.min_confidence
        return not weighed or not parts.policy.abstain or sure
    judged = parts.sureness.fitted and request.as_fitted and parts.policy.abstain
    return parts.verifier is None and not weighed and not judged


def _may_refuse(said: str) -> bool:
    """Whether these words are, or may become, those of an answer that there is none."""
    return normalise(ABSTENTION).startswith(normalise(first_line(said)))
