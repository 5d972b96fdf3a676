"""One answer of those that several experts gave: whose words, how sure, at what cost.

Words, passages and citations are those of one expert, the surest of the winning side. What all
experts cost is added up, whoever has won, and everybody's answer is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from rag_router.errors import UnavailableError
from rag_router.experts.base import Answering
from rag_router.experts.fusion.ballots import Ballot, Count, counted, weight_of
from rag_router.types import Answer, Degradation, Opinion, Question, Usage

__all__ = ["Reply", "ask_one", "ballots_of", "settled"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one expert answered, or why it could not.

    Attributes:
        expert: Its name.
        answer: Its answer, an abstention perhaps; None where it could not be had.
        trouble: Why not; None where it could.
        why: Why it was asked, in words.
    """

    expert: str
    answer: Answer | None
    trouble: UnavailableError | None = None
    why: str = ""

    @property
    def ballot(self) -> Ballot:
        """How it votes; who abstains, or cannot be had, does not."""
        if self.answer is None or self.answer.text is None:
            return Ballot(None, 0.0)
        return Ballot(self.answer.text, self.answer.confidence)


def ask_one(
    name: str, expert: Answering, questions: Sequence[Question], wanted: Any, *, why: str = ""
) -> list[Reply]:
    """Ask an expert; one that cannot answer gives a reply that says so.

    Raises:
        QuestionError: a question cannot be answered as it is written.
        UsageError: `wanted` wants what cannot be.
    """
    try:
        answers = expert.answer(questions, wanted)
    except UnavailableError as exc:
        return [Reply(name, None, exc, why)] * len(questions)
    return [Reply(name, answer, None, why) for answer in answers]


def ballots_of(replies: Sequence[Reply]) -> list[Ballot]:
    """How all of them vote, in their order."""
    return [reply.ballot for reply in replies]


def settled(replies: Sequence[Reply], *, alternatives: int) -> Answer:
    """Make one answer of several replies to a question.

    Args:
        replies: In the experts' order, at least one.
        alternatives: Wrong answers that an expert might give, >= 1.

    Raises:
        UnavailableError: nobody could answer: what the last one said of it.
    """
    answers = [reply.answer for reply in replies if reply.answer is not None]
    if not answers:
        troubles = [reply.trouble for reply in replies if reply.trouble is not None]
        raise troubles[-1]
    counts = counted(ballots_of(replies), alternatives=alternatives)
    best, confidence = answers[0], answers[0].confidence
    if counts:
        spoken = replies[counts[0].speaker].answer
        assert spoken is not None
        best, confidence = spoken, counts[0].probability
    return replace(
        best,
        confidence=confidence,
        usage=reduce(_added, (answer.usage for answer in answers)),
        timings_ms=_summed([answer.timings_ms for answer in answers]),
        degraded=_degraded(best, replies),
        route=replace(best.route, opinions=_opinions(replies, counts, alternatives)),
    )


def _opinions(
    replies: Sequence[Reply], counts: Sequence[Count], alternatives: int
) -> tuple[Opinion, ...]:
    out: list[Opinion] = []
    for place, reply in enumerate(replies):
        ballot = reply.ballot
        if ballot.answer is None:
            what = "abstained" if reply.trouble is None else f"could not answer: {reply.trouble}"
            why = "; ".join(filter(None, (reply.why, what)))
            out.append(Opinion(expert=reply.expert, answer=None, why=why))
            continue
        rank, side = next((n, c) for n, c in enumerate(counts) if place in c.voters)
        what = (
            f"{'wins' if rank == 0 else 'loses'} with {len(side.voters)} "
            f"vote{'s' if len(side.voters) > 1 else ''}, P(right) {side.probability:.2f}"
        )
        out.append(
            Opinion(
                expert=reply.expert,
                answer=ballot.answer,
                confidence=ballot.confidence,
                weight=weight_of(ballot.confidence, alternatives),
                why="; ".join(filter(None, (reply.why, what))),
            )
        )
    return tuple(out)


def _degraded(best: Answer, replies: Sequence[Reply]) -> tuple[Degradation, ...]:
    """What went otherwise than it should for the one that speaks, and who could not be had."""
    missing = [
        Degradation(stage="fusion", what=f"{reply.expert} could not answer: {reply.trouble}")
        for reply in replies
        if reply.trouble is not None
    ]
    return (*best.degraded, *missing)


def _added(one: Usage, other: Usage) -> Usage:
    return Usage(
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        lm_forward_passes=one.lm_forward_passes + other.lm_forward_passes,
        retriever_calls=one.retriever_calls + other.retriever_calls,
    )


def _summed(timings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for one in timings for name in one)
    return {name: sum(one.get(name, 0.0) for one in timings) for name in names}
