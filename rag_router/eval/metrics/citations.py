"""Whether what is cited supports what is said: citation recall and precision.

As in ALCE (Gao et al. 2023, "Enabling large language models to generate text with citations",
arXiv 2305.14627, section 4): a claim's recall is 1 where all that is cited for it, put together,
implies it. A citation's precision is 1 where its claim's recall is 1 and it is not irrelevant; it
is irrelevant where it does not imply the claim alone, and the others do without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["CitationScore", "CitedClaim", "citation_score"]

Entails = Callable[[str, str], bool]
"""Whether a premise, the first, implies a hypothesis."""


@dataclass(frozen=True, slots=True)
class CitedClaim:
    """A claim, and the texts that are cited for it."""

    claim: str
    cited: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CitationScore:
    """How well claims are cited; None where there is nothing to take the mean of.

    Attributes:
        recall: Share of claims that what is cited for them implies, in [0, 1].
        precision: Share of citations that are of use, in [0, 1].
    """

    recall: float | None
    precision: float | None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where one of them is."""
        if self.recall is None or self.precision is None:
            return None
        both = self.recall + self.precision
        return 2 * self.recall * self.precision / both if both else 0.0


def citation_score(claims: Sequence[CitedClaim], entails: Entails) -> CitationScore:
    """Score claims together, each claim and each citation counting the same."""
    recalls = [_implied(one.cited, one.claim, entails) for one in claims]
    precisions = [
        recall and not _irrelevant(at, one, entails)
        for one, recall in zip(claims, recalls, strict=True)
        for at in range(len(one.cited))
    ]
    return CitationScore(recall=_mean(recalls), precision=_mean(precisions))


def _implied(cited: Sequence[str], claim: str, entails: Entails) -> bool:
    return bool(cited) and entails(" ".join(cited), claim)


def _irrelevant(at: int, one: CitedClaim, entails: Entails) -> bool:
    if entails(one.cited[at], one.claim):
        return False
    return _implied([*one.cited[:at], *one.cited[at + 1 :]], one.claim, entails)


def _mean(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None
