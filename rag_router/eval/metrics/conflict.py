"""Whom an answer follows when memory and passages disagree.

The memorization ratio p_o / (p_o + p_s) is Longpre et al.'s (2021, arXiv 2109.05052): of the
answers that say what memory says or what the altered passage says, the share that follows memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from rag_router.errors import DataError
from rag_router.eval.metrics.columns import flags, same_length
from rag_router.scoring import alias_match, normalise

__all__ = ["Followed", "conflict_figures", "followed", "harmed_share", "memorization_ratio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Numbers of answers, by whom they follow.

    Attributes:
        context: Say what the passage says, and not what memory says.
        memory: Say what memory says, and not what the passage says.
        both: Say both, and so follow neither.
        neither: Say something else, or nothing.
    """

    context: int
    memory: int
    both: int
    neither: int

    @property
    def total(self) -> int:
        """Number of all answers."""
        return self.context + self.memory + self.both + self.neither


def followed(
    answers: Sequence[str | None],
    by_context: Sequence[Sequence[str]],
    by_memory: Sequence[Sequence[str]],
) -> Followed:
    """Count whom answers follow.

    Args:
        answers: One per question; None where the answer was declined.
        by_context: Aliases of what the passage says, for each question.
        by_memory: Aliases of what memory says.

    Raises:
        DataError: unequal lengths, nothing, or passage and memory say the same.
    """
    if not len(answers) == len(by_context) == len(by_memory) or not answers:
        raise DataError(
            f"{len(answers)} answers, {len(by_context)} answers of passages and "
            f"{len(by_memory)} of memory.",
            hint="Give one of each per question, and at least one.",
        )
    seen = {(True, False): 0, (False, True): 0, (True, True): 0, (False, False): 0}
    for row, (answer, said, known) in enumerate(zip(answers, by_context, by_memory, strict=True)):
        same = {normalise(alias) for alias in said} & {normalise(alias) for alias in known}
        if same:
            raise DataError(
                f"row {row} (counted from 0) is no conflict: passage and memory both say "
                f"{sorted(same)[0]!r}."
            )
        seen[alias_match(answer, said), alias_match(answer, known)] += 1
    return Followed(
        context=seen[True, False],
        memory=seen[False, True],
        both=seen[True, True],
        neither=seen[False, False],
    )


def conflict_figures(counts: Followed) -> dict[str, float]:
    """Return shares "follows_context" and "follows_memory", and "memorization_ratio".

    The ratio is absent where no answer follows either.
    """
    ratio = memorization_ratio(counts.memory, counts.context)
    shares = {
        "follows_context": counts.context / counts.total,
        "follows_memory": counts.memory / counts.total,
    }
    return shares if ratio is None else shares | {"memorization_ratio": ratio}


def memorization_ratio(memory: float, context: float) -> float | None:
    """Return p_o / (p_o + p_s), in [0, 1]; None where both are 0.

    Args:
        memory: Number or share of answers that follow memory, >= 0.
        context: The same for the passage.

    Raises:
        DataError: one is negative or NaN.
    """
    if not (memory >= 0 and context >= 0):
        raise DataError(f"{memory} answers of memory and {context} of passages.")
    return memory / (memory + context) if memory + context else None


def harmed_share(right_before: ArrayLike, right_after: ArrayLike) -> float | None:
    """Of the answers that were right from memory, the share that passages turned wrong.

    Args:
        right_before: Whether the closed-book answer is right, shape (n,).
        right_after: Whether the answer with passages is, shape (n,).

    Returns:
        In [0, 1]; None where no closed-book answer was right.

    Raises:
        DataError: unequal lengths, nothing, or something neither true nor false.
    """
    before, after = flags("answers before", right_before), flags("answers after", right_after)
    same_length(before=before, after=after)
    return float((~after[before]).mean()) if before.any() else None
