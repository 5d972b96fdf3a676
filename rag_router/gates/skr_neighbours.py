"""SKR-kNN: the nearest seen questions vote whether the model knows.

Wang et al. 2023, "Self-knowledge guided retrieval augmentation for large language models"
(arXiv 2310.05002). Of the k nearest seen questions l were known; of all seen ones m were, and n
were not.

    paper       knows  iff  l / (k - l) >= m / n
    released    a strict majority. Where m > n:  knows  iff  l > k - l  and
                2 l - k >= floor((m - n) k / (m + n));  otherwise the same with the classes
                exchanged, so that a tie goes to the rarer class (source/knn.py of the authors)

The vote is turned into a probability as well: a Platt curve over the log-odds of
(l + 1) / (k + 2), fitted to votes that no question casts for itself. Either rule asks for a least
number of votes, which is a threshold on that probability.

Differences from the paper: any sentence embedder takes SimCSE's place, and a seen question counts
as known where the closed-book answer was right. With `labels = "changed"` it is theirs: where
passages turned a right answer wrong; those they turned right count as not known, and those they
changed nothing about have no vote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact
from rag_router.calibration import Calibrator, Platt, logit, restored
from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.gates.base import Lesson
from rag_router.gates.learned import LearnedGate
from rag_router.gates.skr_classifier import embedded_features
from rag_router.gates.sources import check_marks
from rag_router.signals.base import Signal, Signals
from rag_router.signals.question_embedding import QuestionEmbedding
from rag_router.types import Question

__all__ = ["SKRNeighboursGate", "least_votes"]

_STEPS = 127
"""An embedding is kept in whole steps of -127 to 127, a quarter of its size in float32."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SKRNeighboursGate(LearnedGate):
    """Retrieve when too few of the nearest seen questions were known.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one where
            it was fitted for a stated goal, and else the one that the rule amounts to.
        arrays: What was learned; empty until fitted.
        neighbours: How many questions vote (k).
        rule: How many votes are enough: the paper's rule, or that of the released code.
        kept: Most seen questions to keep; where there are more, the rarer class stays whole up to
            half of them. Each takes about as many bytes as an embedding has numbers.
        labels: What a seen question votes by: whether the closed-book answer was right, or
            whether retrieval changed that.
    """

    neighbours: Annotated[int, Field(ge=1, le=200)] = 10
    rule: Literal["paper", "released"] = "paper"
    kept: Annotated[int, Field(ge=2, le=2_000)] = 1_000
    labels: Literal["right", "changed"] = "right"

    options_kept: ClassVar[tuple[str, ...]] = ("neighbours", "rule", "kept", "labels")

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (QuestionEmbedding(),)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Who embedded it, and the embedding, shape (questions, 1 + dimension)."""
        del questions
        return embedded_features(signals)

    def learn(self, lesson: Lesson) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
        rows = self._seen(lesson)
        vectors = lesson.features[rows, 1:]
        scales = np.abs(vectors).max(axis=1, keepdims=True) / _STEPS
        scales[scales == 0] = 1.0
        knows = lesson.right[rows]
        learned = {
            "marks": lesson.features[0, :1],
            "seen": np.rint(vectors / scales).astype(np.int8),
            "scales": scales.astype(np.float32),
            "knows": knows.astype(np.int8),
        }
        # Where each question stands among those kept, so that it casts no vote for itself.
        own = np.full(len(lesson.right), -1)
        own[rows] = np.arange(len(rows))
        gate = replace(self, arrays=Arrays(learned))
        return learned, gate._scores(gate.votes(lesson.features, own))

    def curve(self, scores: NDArray[np.float64], lesson: Lesson) -> Calibrator:
        platt = Platt.fit(scores, lesson.right)
        if platt.slopes[0] >= 0:
            return platt
        # Votes that speak against themselves say nothing: all that is left is how many are right.
        rate = (lesson.right.sum() + 1) / (len(lesson.right) + 2)
        return Platt((0.0,), float(logit(rate)))

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of the smoothed share of votes for "known"."""
        return self._scores(self.votes(features))

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """How many neighbours were known, of how many, and how many of them are enough."""
        votes = self.votes(features)
        voters, enough = np.full(len(votes), self._voters), np.full(len(votes), self._least)
        return {"votes": votes.astype(float), "voters": voters, "enough": enough}

    def votes(
        self, features: NDArray[np.float64], own: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Count the nearest seen questions that were known, shape (questions,).

        Args:
            features: Shape (questions, 1 + dimension).
            own: Number of each question among the seen ones, which has no vote then; -1 for none.

        Raises:
            ArtefactError: it learned from another embedder.
        """
        if not len(features):
            return np.zeros(0, dtype=np.int64)
        check_marks(features[:, :1], self.arrays["marks"])
        seen = self.arrays["seen"].astype(np.float32) * self.arrays["scales"]
        knows = self.arrays["knows"].astype(np.int64)
        counts = []
        for row, vector in enumerate(features[:, 1:].astype(np.float32)):
            # One question at a time: a product of matrices adds up in another order.
            near = seen @ vector
            if own is not None and own[row] >= 0:
                near[own[row]] = -np.inf
            nearest = np.argsort(-near, kind="stable")[: self._voters]
            counts.append(int(knows[nearest].sum()))
        return np.array(counts, dtype=np.int64)

    def fit(self, lesson: Lesson) -> Self:
        """Return this gate with what it has seen, and its rule's threshold if it has none.

        Raises:
            DataError: only one class is there, features are not finite, or `labels` asks for
                answers with retrieval and there are none.
        """
        fitted = super().fit(lesson)
        return replace(
            fitted, threshold=fitted._limit if self.threshold is None else self.threshold
        )

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this gate as it was fitted; a threshold that was set by hand stays."""
        found = super().with_artefact(artefact)
        # "even" is what a threshold is chosen for when nobody stated a goal.
        if self.threshold is None and artefact.card.threshold_goal in {"", "even"}:
            return replace(found, threshold=found._limit)
        return found

    @property
    def _voters(self) -> int:
        return min(self.neighbours, len(self.arrays["knows"]) - 1)

    @property
    def _least(self) -> int:
        known = int(self.arrays["knows"].sum())
        return least_votes(self.rule, self._voters, known, len(self.arrays["knows"]) - known)

    @property
    def _limit(self) -> float:
        """Half-way between what `p_know` is with just enough votes, and with one too few."""
        curve = restored(self.arrays)
        assert curve is not None
        if not 0 < self._least <= self._voters:
            return 0.0 if self._least == 0 else 1.0
        return float(curve(self._scores(np.array([self._least - 1, self._least]))).mean())

    def _scores(self, votes: NDArray[np.int64]) -> NDArray[np.float64]:
        return logit((votes + 1) / (self._voters + 2))

    def _seen(self, lesson: Lesson) -> NDArray[np.int64]:
        """Draw the questions to keep, in their order."""
        votes = np.ones(len(lesson.right), dtype=bool)
        if self.labels == "changed":
            if lesson.helped is None:
                raise DataError(
                    "labels = 'changed' needs answers with retrieval, and there are none.",
                    hint="Give an index to fit with, or use labels = 'right'.",
                )
            votes = lesson.right != lesson.helped
        rows = np.flatnonzero(votes)
        known = lesson.right[rows]
        if min(known.sum(), (~known).sum()) < 1 or len(rows) < 3:
            raise DataError(
                f"{known.sum()} known and {(~known).sum()} unknown questions have a vote; "
                "both kinds are needed.",
                hint="Give more, and more varied, labelled questions.",
            )
        if len(rows) <= self.kept:
            return rows
        # Where one thing in ten is known, most neighbours drawn evenly would all vote the same.
        order = np.random.default_rng(lesson.seed).permutation(len(rows))
        sides = sorted((order[known[order]], order[~known[order]]), key=len)
        rarer = sides[0][: self.kept // 2]
        return np.sort(rows[np.concatenate([rarer, sides[1][: self.kept - len(rarer)]])])


def least_votes(rule: str, voters: int, known: int, unknown: int) -> int:
    """How many votes make a question known; more than there are where none would do.

    Args:
        rule: "paper" or "released".
        voters: k, how many vote.
        known: m, how many seen questions were known.
        unknown: n, how many were not.
    """
    enough = _ENOUGH[rule]
    tried = (votes for votes in range(voters + 1) if enough(votes, voters, known, unknown))
    return next(tried, voters + 1)


def _paper(votes: int, voters: int, known: int, unknown: int) -> bool:
    # l / (k - l) >= m / n without a division by zero.
    return votes * unknown >= known * (voters - votes)


def _released(votes: int, voters: int, known: int, unknown: int) -> bool:
    ahead = 2 * votes - voters
    offset = math.floor(abs(known - unknown) * voters / (known + unknown))
    if known > unknown:
        return ahead > 0 and ahead >= offset
    return not (ahead < 0 and -ahead >= offset)


_ENOUGH = {"paper": _paper, "released": _released}
