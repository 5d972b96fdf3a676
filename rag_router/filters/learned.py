"""Drop what a small head does not believe to hold the answer, by all that is known for nothing.

Boosted trees (see `rag_router.filters.trees`) over the clues of `rag_router.filters.clues`: ranks,
scores and cosines, shared words and where they stand, what could be the answer, and whether other
passages name it too. There are three of them: for passages that words and vectors have found, for
passages of which only the cosine is known, such as those that come with a question, and for
passages of which nothing is known but their text. Their log-odds become probabilities by Platt's
curve (Platt 1999; Guo et al. 2017, arXiv 1706.04599, section 4.1), fitted to what trees that were
grown on other questions say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt, even_folds
from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.filters.clues import CLUES, FOUND, SIMILAR, clues_of
from rag_router.filters.rarity import Rarity
from rag_router.filters.scored import ScoredFilter
from rag_router.filters.trees import BoostedTrees, grow
from rag_router.indices.terms import terms_of
from rag_router.types import Judged

__all__ = ["LearnedFilter"]

_WITHOUT: Final[Mapping[str, tuple[str, ...]]] = {
    "found": (),
    "similar": FOUND,
    "text": (*FOUND, *SIMILAR),
}
"""The clues that each head does without. The first judges whose clues are all known."""

_LAST: Final = "text"
_FOLDS: Final = 3
_HELD: Final = CLUES.index("held")


@plain_dataclass(frozen=True, slots=True)
class _Head:
    """Trees, and the curve from what they say to log-odds that mean what they say."""

    trees: BoostedTrees
    slope: float
    intercept: float

    def __call__(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.slope * self.trees(columns) + self.intercept

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        return {**self.trees.arrays(name), _key(name): np.array([self.slope, self.intercept])}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> _Head:
        slope, intercept = (float(c) for c in arrays[_key(name)])
        return cls(BoostedTrees.of(arrays, name), slope, intercept)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LearnedFilter(ScoredFilter):
    """Keep passages that a small head believes to hold the answer.

    Args:
        min_support: Drop below this probability, in [0, 1]. None takes the fitted one, or 0.1;
            unfitted it drops nothing.
        curve: Slope and intercept over the heads' log-odds, for passages of another kind than
            they learned from; empty leaves those as they are.
        arrays: What was learned: the heads, and how rare words are; empty until fitted. Until then
            passages that hold more of the question's words rank higher, and nothing is dropped.
    """

    arrays: Arrays = Arrays()

    nothing_to_say: ClassVar[str] = "nothing stands in it to judge it by"

    @property
    def fitted(self) -> bool:
        return any(_key(name) in self.arrays for name in _WITHOUT)

    @property
    def rarity(self) -> Rarity:
        """How rare words are; before anything was counted all are worth the same."""
        return Rarity(self.arrays["rarity"]) if "rarity" in self.arrays else Rarity.none()

    def support(self, figure: float) -> float:
        """P(a passage of these log-odds helps): they are calibrated, but for a curve over them."""
        slope, intercept = self.curve or (1.0, 0.0)
        return float(Platt((slope,), intercept)(figure)[0])

    def described(self, figure: float) -> str:
        return "by words, ranks and what else names it"

    def raw(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[float]]:
        """Log-odds that each passage holds the answer; NaN for those not kept any more."""
        return [self.figures_of(c) for c in self.columns(questions, judged, context)]

    def figures_of(self, columns: NDArray[np.float64]) -> list[float]:
        """Return what the heads make of clues, one a passage; NaN where there are none."""
        out = np.where(np.isnan(columns[:, _HELD]), math.nan, columns[:, _HELD])
        for name, rows in _shared_out(columns).items():
            if _key(name) in self.arrays and rows.any():
                out[rows] = _Head.of(self.arrays, name)(_without(columns[rows], name))
        return [float(figure) for figure in out]

    def prepared(self, judged: Sequence[Sequence[Judged]]) -> Self:
        """Count in how many of these passages each word stands."""
        texts = {
            one.hit.passage.text: f"{one.hit.passage.title} {one.hit.passage.text}"
            for line in judged
            for one in line
        }
        counted = Rarity.of(terms_of(text) for text in texts.values())
        return replace(self, arrays=Arrays({"rarity": counted.steps}))

    def columns(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[NDArray[np.float64]]:
        """Read the clues off the passages, shape (passages, clues); NaN for those not kept."""
        del context
        out: list[NDArray[np.float64]] = []
        for question, line in zip(questions, judged, strict=True):
            columns = np.full((len(line), len(CLUES)), math.nan)
            kept = [at for at, one in enumerate(line) if one.kept]
            columns[kept] = clues_of(question, [line[at].hit for at in kept], self.rarity)
            out.append(columns)
        return out

    def study(
        self,
        columns: NDArray[np.float64],
        helpful: NDArray[np.bool_],
        owner: NDArray[np.int64],
        *,
        seed: int = 0,
    ) -> Self:
        """Grow the heads, each on all passages whose clues it has; see `StudyingFilter`.

        Raises:
            DataError: only one class is there.
        """
        whole = ~np.isnan(columns[:, _HELD])
        learned: dict[str, NDArray[Any]] = {"rarity": self.rarity.steps}
        for name, lacking in _WITHOUT.items():
            known = [at for at, clue in enumerate(CLUES) if clue not in lacking]
            rows = whole & ~np.isnan(columns[:, known]).any(axis=1)
            # A head for what never occurs is none; of the last one everything is known.
            if rows.any() or name == _LAST:
                head = _grown(_without(columns[rows], name), helpful[rows], owner[rows], seed)
                learned |= head.arrays(name)
        return replace(self, arrays=Arrays(learned))

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was learned beside its card."""
        curve = {"curve": np.asarray(self.curve, dtype=np.float64)} if self.curve else {}
        return Artefact(card=card, weights={**self.arrays, **curve})

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this filter as it was fitted; a threshold that was set by hand stays."""
        learned = {name: array for name, array in artefact.weights.items() if name != "curve"}
        fitted = artefact.card.threshold
        curve = artefact.weights.get("curve")
        return replace(
            self,
            arrays=Arrays(learned),
            curve=() if curve is None else (float(curve[0]), float(curve[1])),
            min_support=fitted if self.min_support is None else self.min_support,
        )


def _key(name: str) -> str:
    return f"{name}.curve"


def _without(columns: NDArray[np.float64], head: str) -> NDArray[np.float64]:
    """Blank the clues that a head does without."""
    out = columns.copy()
    out[:, [CLUES.index(clue) for clue in _WITHOUT[head]]] = math.nan
    return out


def _shared_out(columns: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    """Which rows each head judges: the first whose clues are all known."""
    found = ~np.isnan(columns[:, CLUES.index(FOUND[0])])
    similar = ~np.isnan(columns[:, CLUES.index(SIMILAR[0])])
    text = ~np.isnan(columns[:, _HELD])
    return {
        "text": text & ~similar,
        "similar": text & similar & ~found,
        "found": text & similar & found,
    }


def _grown(
    columns: NDArray[np.float64], helpful: NDArray[np.bool_], owner: NDArray[np.int64], seed: int
) -> _Head:
    """Grow trees, and fit the curve to what trees grown on other questions say."""
    at = np.unique(owner, return_inverse=True)[1]
    lucky = np.bincount(at, weights=helpful) > 0
    if lucky.all() and not helpful.all():
        # Nothing is to be spread evenly where every question has a passage that helps.
        fold = (np.random.default_rng(seed).permutation(len(lucky)) % _FOLDS)[at]
    else:
        fold = even_folds(lucky, _FOLDS, seed)[at]
    apart = np.empty(len(columns))
    for number in range(_FOLDS):
        rest, test = fold != number, fold == number
        apart[test] = grow(columns[rest], helpful[rest], seed=seed)(columns[test])
    platt = Platt.fit(apart, helpful)
    return _Head(grow(columns, helpful, seed=seed), platt.slopes[0], platt.intercept)
