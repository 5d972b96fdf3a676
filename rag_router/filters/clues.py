"""What speaks for a passage holding the answer, where nobody has to run a model to see it.

Figures of a question's passages, side by side: who found them and how near they lie; which of the
question's words they hold, weighted by rarity, anywhere and in one sentence; whether something
that could be the answer stands near those words; and whether other passages name it too, as
answers vote in Isolate-then-aggregate (Xiang et al. 2024, arXiv 2405.15556). With the question's
terms T and their idf,

    held(p)    = sum of idf over T that p holds, by the sum over T
    near(c, p) = sum over T of idf * max(exp(-d / 8), 1/2 if the title holds it), by the same sum,
                 d the words between candidate c and the nearest place of the term in p
    votes(c)   = sum over the other passages of their near(c, .)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.filters.candidates import KINDS, Candidate, Reading, asked_for, read
from rag_router.indices.terms import terms_of
from rag_router.types import Hit

__all__ = ["CLUES", "FOUND", "SIMILAR", "clues_of"]

FOUND: Final = ("sparse_rank", "sparse_share", "dense_rank", "found_by_both")
"""What only a passage has that retrievers found by words and by vectors."""

SIMILAR: Final = ("cosine", "cosine_gap", "cosine_lead", "cosine_place", "cosine_best")
"""What only a passage has whose cosine is known."""

_TEXT: Final = (
    "held",
    "held_gap",
    "held_in_sentence",
    "held_in_sentence_gap",
    "rarest_held",
    "rarest_missing",
    "weight",
    "weight_gap",
    "pairs_held",
    "title_held",
    "title_of_question",
    "same_title",
    "words",
    "asked_words",
    "asked_idf",
    "typed",
    "typed_near",
    "typed_near_gap",
    "any_near",
    "any_near_gap",
    "typed_in_sentence",
    "votes",
    "votes_share",
    "votes_gap",
    "voters",
    "typed_votes",
    "typed_votes_share",
    "names",
    "times",
    "numbers",
)
CLUES: Final = (*FOUND, *SIMILAR, *_TEXT, *(f"asks_{kind}" for kind in KINDS))
"""The columns, in their order."""

_FADE: Final = 8.0
"""Words over which what stands between a candidate and a term counts against it."""

_FROM_TITLE: Final = 0.5
"""What a term of the title counts for wherever a candidate stands: the passage is about it."""

_K1, _B, _USUAL_WORDS = 1.2, 0.75, 100.0
_BOTH: Final = ("sparse", "dense")
_UNRANKED: Final = 60.0
"""The rank of what a retriever did not find at all: beyond the last that it shows."""


def clues_of(
    question: str, hits: Sequence[Hit], rarity: Callable[[str], float]
) -> NDArray[np.float64]:
    """Return what speaks for each passage, shape (hits, clues); NaN where it is not known.

    Args:
        question: What is asked.
        hits: What was found for it; each is compared with the others.
        rarity: What a term is worth, >= 0.
    """
    if not hits:
        return np.zeros((0, len(CLUES)))
    asked = {term: max(rarity(term), 0.1) for term in terms_of(question)}
    kind = asked_for(question)
    seen = [_Seen.of(hit, asked) for hit in hits]
    columns = _found(hits) | _similar(hits) | _shared(seen, asked, question) | _named(seen, kind)
    columns |= {f"asks_{one}": np.full(len(hits), float(one == kind)) for one in KINDS}
    return np.column_stack([columns[name] for name in CLUES])


@dataclass(frozen=True, slots=True)
class _Seen:
    """A passage beside a question.

    Attributes:
        reading: Its words.
        places: Where each of the question's terms stands, for those that do.
        title: The title's terms.
        near: For each candidate that the question does not name, how near its terms are, in [0, 1].
    """

    reading: Reading
    places: Mapping[str, Sequence[int]]
    title: tuple[str, ...]
    near: tuple[tuple[Candidate, float], ...]

    @classmethod
    def of(cls, hit: Hit, asked: Mapping[str, float]) -> _Seen:
        reading = read(hit.passage.text)
        title = tuple(terms_of(hit.passage.title))
        places: dict[str, list[int]] = {}
        for at, stem in enumerate(reading.stems):
            if stem in asked:
                places.setdefault(stem, []).append(at)
        whole = sum(asked.values()) or 1.0
        near = tuple(
            (one, _nearness(one, places, title, asked) / whole)
            for one in reading.candidates
            if not all(stem in asked for stem in reading.stems[one.first : one.last + 1])
        )
        return cls(reading, places, title, near)


def _nearness(
    one: Candidate,
    places: Mapping[str, Sequence[int]],
    title: Sequence[str],
    asked: Mapping[str, float],
) -> float:
    total = 0.0
    for term, idf in asked.items():
        best = _FROM_TITLE if term in title else 0.0
        for at in places.get(term, ()):
            apart = one.first - at if at < one.first else max(at - one.last, 0)
            if apart < len(_FADED):
                best = max(best, _FADED[apart])
        total += idf * best
    return total


_FADED: Final = tuple(math.exp(-apart / _FADE) for apart in range(48))


def _found(hits: Sequence[Hit]) -> dict[str, NDArray[np.float64]]:
    by = [{one.retriever: one for one in hit.found_by} for hit in hits]
    # Only where both have looked does it say anything that one of them found nothing.
    if not all(any(name in found for found in by) for name in _BOTH):
        return dict.fromkeys(FOUND, np.full(len(hits), math.nan))
    ranks = {
        name: np.array([float(f[name].rank) if name in f else _UNRANKED for f in by])
        for name in _BOTH
    }
    scores = np.array([f["sparse"].score if "sparse" in f else 0.0 for f in by])
    return {
        "sparse_rank": ranks["sparse"],
        "sparse_share": scores / max(scores.max(), 1e-9),
        "dense_rank": ranks["dense"],
        "found_by_both": np.array([float(all(name in f for name in _BOTH)) for f in by]),
    }


def _similar(hits: Sequence[Hit]) -> dict[str, NDArray[np.float64]]:
    cosine = np.array([math.nan if h.similarity is None else h.similarity for h in hits])
    if np.isnan(cosine).any():
        return dict.fromkeys(SIMILAR, np.full(len(hits), math.nan))
    return {
        "cosine": cosine,
        "cosine_gap": cosine - cosine.max(),
        "cosine_lead": cosine - _best_other(cosine),
        "cosine_place": np.array([float((cosine > own).sum()) for own in cosine]),
        "cosine_best": np.full(len(hits), cosine.max()),
    }


def _best_other(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest of the others for each; its own where it is alone."""
    if len(values) < 2:
        return values
    first, second = np.sort(values)[::-1][:2]
    return np.asarray(np.where(values == first, second, first))


def _shared(
    seen: Sequence[_Seen], asked: Mapping[str, float], question: str
) -> dict[str, NDArray[np.float64]]:
    whole = sum(asked.values()) or 1.0
    rarest = max(asked, key=lambda term: asked[term], default="")
    order = terms_of(question)
    pairs = list(pairwise(order))
    held = [sum(asked[t] for t in one.places) / whole for one in seen]
    sentence = [_in_sentence(one, asked) / whole for one in seen]
    weight = [_weight(one, asked) / whole for one in seen]
    titles = [one.title for one in seen]
    return {
        "held": np.array(held),
        "held_gap": _gap(held),
        "held_in_sentence": np.array(sentence),
        "held_in_sentence_gap": _gap(sentence),
        "rarest_held": np.array([float(rarest in one.places) for one in seen]),
        "rarest_missing": np.array(
            [max((w for t, w in asked.items() if t not in one.places), default=0.0) for one in seen]
        ),
        "weight": np.array(weight),
        "weight_gap": _gap(weight),
        "pairs_held": np.array([_pairs(one, pairs) for one in seen]),
        "title_held": np.array([sum(asked.get(t, 0.0) for t in set(t)) / whole for t in titles]),
        "title_of_question": np.array(
            [sum(t in asked for t in title) / max(len(title), 1) for title in titles]
        ),
        "same_title": np.array([float(titles.count(title) - 1) for title in titles]),
        "words": np.array([float(len(one.reading.stems)) for one in seen]),
        "asked_words": np.full(len(seen), float(len(asked))),
        "asked_idf": np.full(len(seen), whole / max(len(asked), 1)),
    }


def _gap(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    return np.asarray(array - _best_other(array))


def _in_sentence(one: _Seen, asked: Mapping[str, float]) -> float:
    """The most that one sentence holds of what is asked for."""
    sums: dict[int, float] = {}
    for term, places in one.places.items():
        for number in {one.reading.sentence[at] for at in places}:
            sums[number] = sums.get(number, 0.0) + asked[term]
    return max(sums.values(), default=0.0)


def _weight(one: _Seen, asked: Mapping[str, float]) -> float:
    """BM25 of the passage (Robertson and Zaragoza 2009, doi 10.1561/1500000019)."""
    length = 1 - _B + _B * len(one.reading.stems) / _USUAL_WORDS
    return sum(
        asked[term] * len(at) * (_K1 + 1) / (len(at) + _K1 * length)
        for term, at in one.places.items()
    )


def _pairs(one: _Seen, pairs: Sequence[tuple[str, str]]) -> float:
    """Share of the question's neighbouring terms that stand within two words of each other."""
    if not pairs:
        return 0.0
    return sum(
        any(abs(a - b) <= 2 for a in one.places.get(left, ()) for b in one.places.get(right, ()))
        for left, right in pairs
    ) / len(pairs)


def _named(seen: Sequence[_Seen], kind: str) -> dict[str, NDArray[np.float64]]:
    looked_for = kind if kind in ("time", "number") else "name"
    best: list[dict[str, float]] = []
    typed: list[dict[str, float]] = []
    for one in seen:
        best.append({})
        typed.append({})
        for candidate, near in one.near:
            some = (best[-1], typed[-1]) if candidate.kind == looked_for else (best[-1],)
            for table in some:
                table[candidate.key] = max(table.get(candidate.key, 0.0), near)
    any_near = [max(table.values(), default=0.0) for table in best]
    typed_near = [max(table.values(), default=0.0) for table in typed]
    votes, voters = _votes(best)
    typed_votes, _ = _votes(typed)
    return {
        "typed": np.log1p([len(table) for table in typed]),
        "typed_near": np.array(typed_near),
        "typed_near_gap": _gap(typed_near),
        "any_near": np.array(any_near),
        "any_near_gap": _gap(any_near),
        "typed_in_sentence": np.array([float(_beside(one, looked_for)) for one in seen]),
        "votes": votes,
        "votes_share": votes / max(votes.max(), 1e-9),
        "votes_gap": votes - _best_other(votes),
        "voters": voters,
        "typed_votes": typed_votes,
        "typed_votes_share": typed_votes / max(typed_votes.max(), 1e-9),
        **{
            f"{name}s": np.log1p([sum(c.kind == name for c in s.reading.candidates) for s in seen])
            for name in ("name", "time", "number")
        },
    }


def _votes(
    tables: Sequence[Mapping[str, float]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each passage, what its best candidate is worth to all, and how many others name it."""
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for table in tables:
        for key, near in table.items():
            sums[key] = sums.get(key, 0.0) + near
            counts[key] = counts.get(key, 0) + 1
    votes = np.zeros(len(tables))
    voters = np.zeros(len(tables))
    for row, table in enumerate(tables):
        # A candidate counts for a passage as far as it stands near to what is asked there.
        votes[row] = max((near * (sums[k] - near) for k, near in table.items()), default=0.0)
        voters[row] = max((counts[k] - 1 for k in table), default=0)
    return votes, voters


def _beside(one: _Seen, kind: str) -> int:
    """How many candidates of a kind stand in the sentence that holds most of what is asked."""
    counts: dict[int, int] = {}
    for places in one.places.values():
        for number in {one.reading.sentence[at] for at in places}:
            counts[number] = counts.get(number, 0) + 1
    if not counts:
        return 0
    best = max(counts, key=lambda number: (counts[number], -number))
    return sum(c.kind == kind and one.reading.sentence[c.first] == best for c, _ in one.near)
