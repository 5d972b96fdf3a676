"""What experts answered before, and whether they were right: what a frugal questioner goes by.

In the Fusion of Experts (Wang et al. 2024, arXiv 2310.01542) the next expert is worth asking if
those questions to which the experts asked so far answered alike went better with it. Questions are
alike by what was answered and nothing else: how sure each expert was, and which of them agreed.

With S the experts asked so far, N the recorded questions nearest to this one by the answers of S,
L_T(i) whether the vote of the experts T was wrong on question i, and c their costs,

    J(T) = 1/|N| sum_{i in N} L_T(i)  +  price sum_{e in T - S} c_e        T a superset of S

is what it is expected to cost to ask the experts T before stopping. The cheapest T is the plan:
if it is S itself, nobody else is asked; else it is gone on with the first step on the way to it.
The published method looks for the same path by A*; with few experts all T are tried, which is
exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import ArtefactError, DataError
from rag_router.experts.fusion.ballots import Ballot, same_answer, weight_of

__all__ = ["MOST_EXPERTS", "Experience", "Outlay", "Recorded"]

MOST_EXPERTS: Final = 8
"""With more of them, there would be too many ways to ask."""

Bits = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one expert answered to one question, and whether that was right."""

    ballot: Ballot
    right: bool


@dataclass(frozen=True, slots=True)
class Outlay:
    """What it is expected to cost to ask some experts before stopping.

    Attributes:
        experts: All that will have been asked then, by their places.
        wrong: Share of the questions that were alike on which their vote was wrong, in [0, 1].
        total: The same, with what asking the missing ones costs.
    """

    experts: frozenset[int]
    wrong: float
    total: float


@dataclass(frozen=True, eq=False)
class Experience:
    """Answers of experts to recorded questions.

    Attributes:
        names: The experts.
        confidence: How sure each was, in [0, 1], shape (questions, experts); 0 where it abstained.
        says: Which answer each gave: within a question, equal numbers are equal answers; below 0
            it abstained. Same shape.
        right: Whether it was right, same shape.
    """

    names: tuple[str, ...]
    confidence: Numbers
    says: NDArray[np.int64]
    right: Bits
    _wrong: dict[tuple[frozenset[int], int], Bits] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, names: Sequence[str], questions: Sequence[Sequence[Recorded]]) -> Experience:
        """Put recorded answers together: one for each expert, in their order, to each question.

        Raises:
            DataError: there is no question, or there are more experts than can be planned for.
        """
        if not questions or not names:
            raise DataError("nothing was recorded.", hint="Record answers of every expert first.")
        if len(names) > MOST_EXPERTS:
            raise DataError(
                f"{len(names)} experts have too many orders to be asked in; at most "
                f"{MOST_EXPERTS} can be planned for.",
                hint="Name fewer experts in fusion.experts.",
            )
        says = []
        for line in questions:
            numbers: dict[str, int] = {}
            answers = [one.ballot.answer for one in line]
            same = [None if a is None else same_answer(a) for a in answers]
            says.append([-1 if a is None else numbers.setdefault(a, len(numbers)) for a in same])
        return cls(
            tuple(names),
            np.array([[one.ballot.confidence for one in line] for line in questions], float),
            np.array(says, dtype=np.int64),
            np.array([[one.right for one in line] for line in questions], bool),
        )

    def only(self, names: Sequence[str]) -> Experience:
        """Return what was recorded of these experts alone, in this order.

        Raises:
            ArtefactError: nothing was recorded of one of them.
        """
        if tuple(names) == self.names:
            return self
        if missing := [name for name in names if name not in self.names]:
            raise ArtefactError(
                f"answers of {', '.join(self.names)} were recorded, and none of {missing[0]!r}.",
                hint="Name the same experts, or record answers of these.",
            )
        some = [self.names.index(name) for name in names]
        return Experience(
            tuple(names), self.confidence[:, some], self.says[:, some], self.right[:, some]
        )

    def plan(
        self,
        ballots: Sequence[Ballot | None],
        costs: Sequence[float],
        *,
        price: float,
        neighbours: int,
        alternatives: int,
    ) -> tuple[Outlay, int | None]:
        """Tell whom to ask next, if anybody is worth it.

        Args:
            ballots: What each expert said; None where it was not asked.
            costs: What asking each costs, >= 0.
            price: How many right answers a cost of 1 is worth, >= 0.
            neighbours: How many recorded questions are looked at.
            alternatives: Wrong answers that an expert might give, >= 1.

        Returns:
            The plan, and the place of the expert to ask next; None stops.
        """
        asked = frozenset(k for k, ballot in enumerate(ballots) if ballot is not None)
        near = self._near(ballots, neighbours)
        plans = {}
        for some in _supersets(asked, len(self.names)):
            wrong = float(self._votes_wrong(some, alternatives)[near].mean())
            missing = sum(costs[expert] for expert in some - asked)
            plans[some] = Outlay(some, wrong, wrong + price * missing)
        if not asked:
            del plans[asked]
        best = min(plans.values(), key=lambda p: (round(p.total, 12), sorted(p.experts)))
        steps = sorted(best.experts - asked)
        if not steps:
            return best, None
        # On the way to the plan, what is cheapest to stop after comes first.
        first = min(steps, key=lambda e: (round(plans[asked | {e}].total, 12), costs[e], e))
        return best, first

    def _near(self, ballots: Sequence[Ballot | None], neighbours: int) -> NDArray[np.int64]:
        """Numbers of the recorded questions whose answers are most like these; ties by number."""
        asked = [(k, ballot) for k, ballot in enumerate(ballots) if ballot is not None]
        every = np.arange(len(self.right))
        if not asked or neighbours >= len(every):
            return every
        apart = np.zeros(len(every))
        for k, ballot in asked:
            sure = 0.0 if ballot.answer is None else ballot.confidence
            apart += (self.confidence[:, k] - sure) ** 2
        for (j, one), (k, other) in combinations(asked, 2):
            agree = (self.says[:, j] == self.says[:, k]) & (self.says[:, j] >= 0)
            apart += agree != _agree(one, other)
        return np.argsort(apart.round(12), kind="stable")[:neighbours]

    def _votes_wrong(self, experts: frozenset[int], alternatives: int) -> Bits:
        """On which questions the vote of these experts is not right, shape (questions,)."""
        key = (experts, alternatives)
        if key not in self._wrong:
            self._wrong[key] = self._count_wrong(sorted(experts), alternatives)
        return self._wrong[key]

    def _count_wrong(self, experts: Sequence[int], alternatives: int) -> Bits:
        if not experts:
            return np.ones(len(self.right), dtype=bool)
        says, right = self.says[:, experts], self.right[:, experts]
        votes = [
            [weight_of(float(c), alternatives) for c in line]
            for line in self.confidence[:, experts]
        ]
        alike = (says[:, :, None] == says[:, None, :]) & (says >= 0)[:, None, :]
        scores = np.where(alike, np.array(votes)[:, None, :], 0.0).sum(axis=2).round(12)
        scores[says < 0] = -np.inf
        # As votes are counted: the score, then the number of voters, then who comes first.
        order = np.lexsort((-alike.sum(axis=2), -scores))[:, 0]
        at = np.arange(len(says))
        wrong: Bits = ~(right[at, order] & (says[at, order] >= 0))
        return wrong


def _supersets(asked: frozenset[int], experts: int) -> Iterator[frozenset[int]]:
    others = [k for k in range(experts) if k not in asked]
    for count in range(len(others) + 1):
        for some in combinations(others, count):
            yield asked | frozenset(some)


def _agree(one: Ballot, other: Ballot) -> bool:
    if one.answer is None or other.answer is None:
        return False
    return same_answer(one.answer) == same_answer(other.answer)
