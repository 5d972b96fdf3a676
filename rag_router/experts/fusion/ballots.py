"""Counting answers of several experts, each by how likely its expert holds it to be right.

Every expert k is right with probability c_k, independently of the others, and if wrong gives any
of M wrong answers alike: the model of Dawid and Skene (1979, doi 10.2307/2346806) with one figure
for each expert. The answers that are given then have the posterior probabilities

    P(a) = exp s(a) / ( sum_b exp s(b)  +  M + 1 - sides )        s(a) = sum_{k says a} w_k

    w_k = log( c_k / (1 - c_k) ) + log M

where the M + 1 - `sides` answers that nobody gave weigh 1 each. The vote of a single expert is
right with exactly its c; a second one that says the same counts more, the more wrong answers
there are that it might have given instead. With M = 1 the weights are the log-odds, which are the
best ones between two answers (Nitzan and Paroush 1982, International Economic Review 23).

Experts that share weights or passages err together, which this does not see: the confidence of a
vote is an upper bound, as long as nobody has calibrated it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rag_router.scoring import first_line, normalise

__all__ = ["Ballot", "Count", "counted", "same_answer", "weight_of"]

_CERTAIN: Final = 1e-6
"""Nobody is surer than that: the word of one would rule out that of all others."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one expert says.

    Attributes:
        answer: Its answer; None abstains.
        confidence: Probability in [0, 1] that it is right.
    """

    answer: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Count:
    """One of the answers that were given.

    Attributes:
        voters: Who gave it: places of their ballots, the surest first.
        probability: That it is right, in [0, 1].
    """

    voters: tuple[int, ...]
    probability: float

    @property
    def speaker(self) -> int:
        """The voter whose words are given."""
        return self.voters[0]


def counted(ballots: Sequence[Ballot], *, alternatives: int) -> list[Count]:
    """Count the votes: the likeliest answer first, none where everybody abstains.

    Of answers that are equally likely, the one with more voters comes first, and then the one
    whose first voter's ballot comes first.

    Args:
        ballots: One for each expert, in the experts' order.
        alternatives: Wrong answers that an expert might give, M, >= 1.
    """
    sides: dict[str, list[int]] = {}
    for place, ballot in enumerate(ballots):
        if ballot.answer is not None:
            sides.setdefault(same_answer(ballot.answer), []).append(place)
    if not sides:
        return []
    scores = {
        said: math.fsum(weight_of(ballots[k].confidence, alternatives) for k in voters)
        for said, voters in sides.items()
    }
    # Less the largest, so that nothing overflows.
    most = max(*scores.values(), 0.0)
    odds = {said: math.exp(score - most) for said, score in scores.items()}
    unsaid = max(alternatives + 1 - len(sides), 0) * math.exp(-most)
    total = math.fsum([*odds.values(), unsaid])
    counts = [
        Count(
            tuple(sorted(voters, key=lambda k: (-ballots[k].confidence, k))),
            odds[said] / total,
        )
        for said, voters in sides.items()
    ]
    # Rounded, so that equal sums of equal votes are equal in whatever order they were added.
    return sorted(counts, key=lambda c: (-round(c.probability, 12), -len(c.voters), min(c.voters)))


def weight_of(confidence: float, alternatives: int) -> float:
    """How much a vote counts: 0 for an expert that guesses, below that for one that misleads."""
    sure = min(max(confidence, _CERTAIN), 1 - _CERTAIN)
    return math.log(sure / (1 - sure)) + math.log(alternatives)


def same_answer(answer: str) -> str:
    """Return what answers that say the same have in common.

    Case, punctuation and articles do not count, and nor does what follows the first line.
    """
    line = first_line(answer)
    return normalise(line) or line.strip().casefold()
