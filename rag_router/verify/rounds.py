"""The loop of KALMV: judge, mend, judge again, until an answer is accepted or the budget is spent.

A retrieval error looks further: the next window of passages is read. An answer that is not grounded
is read again: from the best passage alone where there were several, else drawn at random. All
questions go round together; one that is accepted, or that nothing more can be done for, leaves.

The loop knows neither models nor passages. It is told by `Trial`s what can still be done, and has
whoever runs it do it (Baek et al. 2023, arXiv 2310.12836).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from rag_router.verify.base import Judgement

__all__ = ["Attempt", "Mend", "Rounds", "Trial", "verify_rounds"]

Mend = Literal["next_window", "again"]
"""Read what was found and not read yet, or read the same once more."""


class Trial(Protocol):
    """A question whose answer is on trial."""

    def can(self, mend: Mend) -> bool:
        """Whether this can still be done."""


T = TypeVar("T", bound=Trial)


@dataclass(frozen=True, slots=True)
class Attempt(Generic[T]):
    """What became of one trial.

    Attributes:
        trial: Whose it is.
        accepted: Whether its last answer was accepted.
        judgements: One for each answer that was tried, in order.
    """

    trial: T
    accepted: bool
    judgements: tuple[Judgement, ...]

    @property
    def best(self) -> int:
        """Number of the answer that is most likely well; of equals the first."""
        grounded = [one.grounded for one in self.judgements]
        return len(grounded) - 1 if self.accepted else grounded.index(max(grounded))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """The budget of the loop.

    Attributes:
        most: Most further answers to one question, >= 0.
        window: Most passages that are read next, >= 1.
    """

    most: int = 1
    window: int = 3


def verify_rounds(
    trials: Sequence[T],
    judge: Callable[[Sequence[T]], Sequence[Judgement]],
    mend: Callable[[Sequence[tuple[T, Mend, int]]], Sequence[bool]],
    rounds: Rounds,
) -> list[Attempt[T]]:
    """Judge answers and have them mended, round by round.

    Args:
        trials: One for each question.
        judge: Judges the present answers of some trials.
        mend: Answers some once more, as is said for each, and says which have a new answer; the
            number is that of the round, from 1.
        rounds: The budget.

    Returns:
        What became of each, in order.
    """
    found: list[list[Judgement]] = [[] for _ in trials]
    waiting = list(range(len(trials)))
    for number in range(rounds.most + 1):
        judged = judge([trials[at] for at in waiting]) if waiting else []
        for at, one in zip(waiting, judged, strict=True):
            found[at].append(one)
        if number == rounds.most:
            break
        wanted = [(at, _mend(trials[at], found[at][-1])) for at in waiting]
        doing = [(at, what) for at, what in wanted if what is not None]
        tried = mend([(trials[at], what, number + 1) for at, what in doing]) if doing else []
        waiting = [at for (at, _), done in zip(doing, tried, strict=True) if done]
    return [
        Attempt(trial, _accepted(line), tuple(line))
        for trial, line in zip(trials, found, strict=True)
    ]


def _mend(trial: Trial, said: Judgement) -> Mend | None:
    """What to do about a judgement; what cannot be done is tried the other way."""
    if said.label == "grounded":
        return None
    first: Mend = "next_window" if said.label == "retrieval_error" else "again"
    other: Mend = "again" if first == "next_window" else "next_window"
    return next((mend for mend in (first, other) if trial.can(mend)), None)


def _accepted(line: Sequence[Judgement]) -> bool:
    return bool(line) and line[-1].label == "grounded"
