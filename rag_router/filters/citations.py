"""Where in the kept passages an answer stands, claim by claim.

Only passages that the model has read are cited. A claim is cited where its words occur in a
sentence as they stand; else where a sentence shares most of its words, has all its numbers and
denies as much as it does, or where it has all that the claim adds to the question and its passage
speaks of the rest; and where a model of inference is at hand, only where the sentence implies it
(as in ALCE, Gao et al. 2023, arXiv 2305.14627). Offsets are characters of the passage as it was
shown, and of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rag_router.filters.claims import Claim, claims_of
from rag_router.filters.sentences import sentence_places
from rag_router.scoring import normalise
from rag_router.types import Citation, Judged

__all__ = ["Entails", "cite", "uncited"]

Entails = Callable[[Sequence[tuple[str, str]]], Sequence[float]]
"""For pairs of premise and hypothesis the probability that the one implies the other."""

_LEAST_OVERLAP: Final = 0.5
"""Share of the claim's words that a sentence must hold to be cited without the claim."""
_LEAST_SPOKEN_OF: Final = 0.7
"""Share that the whole passage must hold where a sentence has only what is new."""
_LEAST_ENTAILED: Final = 0.5
_ASIDE: Final = 0.5
"""Of the best sentence's share of the question; with less, the words stand there by accident."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A sentence that may support a claim, and how much of the claim and question it has.

    Attributes:
        overlap: Share of the claim's words.
        asked: Share of the question's words.
        news: Share of the claim's words that the question has not.
    """

    one: Judged
    start: int
    end: int
    overlap: float
    asked: float
    news: float = 0.0

    @property
    def text(self) -> str:
        return self.one.hit.passage.text[self.start : self.end]


def cite(
    answer: str,
    kept: Sequence[Judged],
    *,
    question: str = "",
    entails: Entails | None = None,
) -> tuple[Citation, ...]:
    """Cite the sentences that hold the answer's claims, best passage first.

    A claim is cited once in each passage that holds it whole. A passage without it is cited only
    if none has it, by the sentence that shares most of its words.

    Args:
        answer: One claim or several.
        kept: Passages that the model has read; any that was dropped is passed over.
        question: What was asked; of sentences that hold a short answer those are cited that speak
            of it.
        entails: A model of inference; None goes by the words alone.
    """
    read = [one for one in kept if one.kept]
    asked = Claim(question)
    found: list[Citation] = []
    for claim in claims_of(answer):
        places = _holding(claim, read, asked) or _closest(claim, read, asked)
        if entails is not None and places:
            said = f"{question} {claim.text}".strip()
            implied = entails([(place.text, said) for place in places])
            places = [p for p, one in zip(places, implied, strict=True) if one >= _LEAST_ENTAILED]
        found += [_citation(place, claim) for place in places]
    return tuple(found)


def uncited(answer: str, citations: Iterable[Citation]) -> tuple[tuple[int, int], ...]:
    """Return where the claims of an answer stand that nothing is cited for."""
    cited = [(c.answer_start, c.answer_end) for c in citations]
    return tuple(
        (claim.start, claim.end)
        for claim in claims_of(answer)
        if not any(start < claim.end and claim.start < end for start, end in cited)
    )


def _holding(claim: Claim, read: Sequence[Judged], asked: Claim) -> list[_Place]:
    """Return for each passage the sentence that holds the claim and most of the question."""
    pattern = _pattern(claim.core)
    best = [
        max(places, key=lambda place: place.asked)
        for one in read
        if (places := [p for p in _places(one, claim, asked) if _holds(pattern, p)])
    ]
    # Short words stand in many a sentence; those that speak of something else are no support.
    least = _ASIDE * max((place.asked for place in best), default=0.0)
    return [place for place in best if place.asked >= least]


def _closest(claim: Claim, read: Sequence[Judged], asked: Claim) -> list[_Place]:
    places = [place for one in read for place in _near(one, claim, asked)]
    best = max(places, key=lambda p: (p.news, p.overlap, p.asked), default=None)
    return [] if best is None else [best]


def _near(one: Judged, claim: Claim, asked: Claim) -> list[_Place]:
    """Return the sentences of a passage that say most of a claim, or all that is new in it."""
    passage = one.hit.passage
    whole = Claim(f"{passage.title}\n{passage.text}")
    spoken_of = claim.shared(whole) >= _LEAST_SPOKEN_OF
    # What was asked need not be said again in each sentence of a passage that speaks of it.
    known = asked.numbers & whole.numbers
    return [
        place
        for place in _places(one, claim, asked)
        if (place.overlap >= _LEAST_OVERLAP or (spoken_of and place.news == 1.0))
        and claim.agrees(Claim(place.text), known)
    ]


def _places(one: Judged, claim: Claim, asked: Claim) -> list[_Place]:
    text = one.hit.passage.text
    new = claim.news(asked)
    places = []
    for start, end in sentence_places(one):
        sentence = Claim(text[start:end])
        shares = claim.shared(sentence), asked.shared(sentence), new.shared(sentence)
        places.append(_Place(one, start, end, *shares))
    return places


def _holds(pattern: re.Pattern[str], place: _Place) -> bool:
    return pattern.search(place.one.hit.passage.text, place.start, place.end) is not None


def _pattern(text: str) -> re.Pattern[str]:
    # Between the words may stand whatever normalisation drops: articles, punctuation, spaces.
    gap = r"(?:[\W_]|\b(?:an?|the)\b)*"
    words = normalise(text).split()
    return re.compile(
        r"(?<!\w)" + gap.join(gap.join(map(re.escape, word)) for word in words) + r"(?!\w)",
        re.IGNORECASE,
    )


def _citation(place: _Place, claim: Claim) -> Citation:
    return Citation(
        passage_id=place.one.hit.passage.id,
        index=place.one.hit.passage.index,
        start=place.start,
        end=place.end,
        answer_start=claim.start,
        answer_end=claim.end,
    )
