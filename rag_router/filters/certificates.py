"""Whether an answer by vote would survive false passages, proved and not guessed.

Voting certificate of RobustRAG (Xiang et al. 2024, arXiv 2405.15556, and its released
`src/defense.py`). Each passage votes by itself, so k' false ones move at most k' votes. With the
margin m between the two most frequent answers the prediction stands

    if k' passages are replaced   m > 2 k'   one vote lost, one gained for each
    if k' are put in front        m - (votes for it among the last k') > k'
                                             the last ones fall off the end of the list

Abstentions are no votes. A tie predicts nothing, so that for k' = 0 certified accuracy is
accuracy. Votes have no order but that of the passages: best first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

__all__ = ["certified_accuracy", "margin", "prediction", "survives_change", "survives_injection"]

Votes = Sequence[str | None]
"""What each passage votes for, best passage first; None where it abstains."""


def prediction(votes: Votes) -> str | None:
    """The most frequent vote; None where nobody votes, or the first two are level."""
    ranked = _ranked(votes)
    return ranked[0][0] if ranked and margin(votes) > 0 else None


def margin(votes: Votes) -> int:
    """Votes by which the most frequent answer leads, >= 0."""
    (_, first), (_, second) = [*_ranked(votes), ("", 0), ("", 0)][:2]
    return first - second


def survives_change(votes: Votes, corrupted: int) -> bool:
    """Whether no replacing of so many passages by any others changes the prediction."""
    return margin(votes) > 2 * corrupted


def survives_injection(votes: Votes, corrupted: int) -> bool:
    """Whether no putting of so many passages before the others changes the prediction.

    As many of the last ones are then no longer read.
    """
    if corrupted == 0:
        return margin(votes) > 0
    winner = prediction(votes)
    lost = sum(vote == winner for vote in votes[-corrupted:]) if winner is not None else 0
    return margin(votes) - lost > corrupted


def certified_accuracy(lines: Sequence[Votes], right: Sequence[bool], corrupted: int) -> float:
    """Share of questions predicted right whatever so many replaced passages say, in [0, 1].

    Args:
        lines: The votes of each question.
        right: Whether its prediction is right; says nothing where there is none.
        corrupted: Passages that may be replaced, >= 0.
    """
    if not lines:
        return 0.0
    pairs = zip(lines, right, strict=True)
    return sum(good and survives_change(votes, corrupted) for votes, good in pairs) / len(lines)


def _ranked(votes: Votes) -> list[tuple[str, int]]:
    return Counter(vote for vote in votes if vote is not None).most_common()
