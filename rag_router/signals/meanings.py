"""Which answers mean the same.

Answers to one question are put into groups of equal meaning, each compared with the first member
of every group so far, as for semantic entropy (Kuhn et al. 2023, arXiv 2302.09664). What "the
same" is can be chosen. Answers of a few words need no model for it: `SharedWords` takes
"Shakespeare" and "William Shakespeare" for one, as the measure of correctness does. It is wrong
about "5" and "5 million".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

from rag_router.scoring import first_words
from rag_router.signals.base import Board, Reading, Requirements
from rag_router.signals.closed_book_answer import geometric_mean_probability
from rag_router.signals.refusals import is_refusal
from rag_router.signals.sampled_answers import SampledAnswers

__all__ = ["Equivalence", "Meanings", "SampledMeanings", "SharedWords", "group_by_meaning"]


@runtime_checkable
class Equivalence(Protocol):
    """Whether two answers to a question mean the same. A frozen value with a telling `repr`."""

    def __call__(self, question: str, left: str, right: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class SharedWords:
    """The normalised words of one answer are all among those of the other.

    An answer that says nothing, or that it does not know, means the same as no other.
    """

    def __call__(self, question: str, left: str, right: str) -> bool:
        del question
        if is_refusal(left) or is_refusal(right):
            return False
        some, others = set(first_words(left).split()), set(first_words(right).split())
        return some <= others or others <= some


@dataclass(frozen=True, slots=True)
class Meanings:
    """Sampled answers in groups of equal meaning.

    Attributes:
        texts: The answers.
        groups: Number of each answer's group; groups are numbered as they first appear.
        probabilities: Geometric mean of each answer's token probabilities, in [0, 1].
    """

    texts: tuple[str, ...]
    groups: tuple[int, ...]
    probabilities: tuple[float, ...]

    @property
    def refused(self) -> tuple[bool, ...]:
        """Whether each answer says nothing, or that it does not know."""
        return tuple(map(is_refusal, self.texts))

    @property
    def largest(self) -> float:
        """Share of the answers in the largest group, in (0, 1]; 0 where all refuse."""
        if all(self.refused):
            return 0.0
        return max(Counter(self.groups).values()) / len(self.groups)


@dataclass(frozen=True, slots=True)
class SampledMeanings:
    """The meanings of sampled answers; costs nothing beyond the samples.

    Args:
        samples: Which samples.
        same: What counts as the same meaning.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    samples: SampledAnswers = field(default_factory=SampledAnswers)
    same: Equivalence = field(default_factory=SharedWords)

    dear: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "sampled_meanings"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Meanings]]:
        found = []
        for row, answers in zip(rows, board.read(self.samples, rows), strict=True):
            texts = tuple(answer.text for answer in answers)
            groups = group_by_meaning(board.questions[row].text, texts, self.same)
            p = tuple(
                geometric_mean_probability([token.logprob for token in answer.tokens])
                for answer in answers
            )
            found.append(Reading(Meanings(texts, groups, p)))
        return found


def group_by_meaning(question: str, texts: Sequence[str], same: Equivalence) -> tuple[int, ...]:
    """Number the group of each text, compared with the first member of every group so far."""
    first: list[str] = []
    groups: list[int] = []
    for text in texts:
        equal = (number for number, member in enumerate(first) if same(question, member, text))
        group = next(equal, len(first))
        if group == len(first):
            first.append(text)
        groups.append(group)
    return tuple(groups)
