"""Popular things are remembered: a threshold on how often the subject is looked up.

Mallen et al. 2023, "When not to trust language models: investigating effectiveness of parametric
and non-parametric memories" (arXiv 2212.10511): retrieve where the subject's page views are below
a threshold, one for each relation, tuned on development questions.

Here a logistic curve over log10(1 + views), with an offset for each relation that was seen often
enough, gives `p_know`. Cutting it at one probability cuts each relation at its own number of
views; `gate fit --goal accuracy=always` tunes that for accuracy as theirs is. Where nobody knows
how popular the subject is, `p_know` is the prior: the share of right answers among such questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.calibration import Calibrator, Platt, logit
from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.gates.base import Lesson
from rag_router.gates.learned import LearnedGate
from rag_router.gates.sources import mark_of
from rag_router.signals.base import Signal, Signals
from rag_router.signals.popularity import EntityPopularity
from rag_router.types import Question, Verdict

__all__ = ["PopularityGate"]

_OFTEN: Final = 20
"""Questions of a relation that give it an offset of its own."""

_PENALTY: Final = 1e-3
_DOUBT: Final = 10.0
"""Questions that the prior of all counts for, against those of unknown popularity."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PopularityGate(LearnedGate):
    """Retrieve when what the question asks about is looked up too rarely.

    Views come with the question (`s_pop` or `popularity`, with `prop` or `relation`), or from a
    file. Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        file: Names and their page views a month, tab-separated or as JSON Lines with "name" and
            "views"; the longest name in the question counts. None reads no file.
    """

    file: str | None = None

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (EntityPopularity(self.file),)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Whether it is known, log10(1 + views), and the relation's mark, shape (questions, 3)."""
        del questions
        rows = [
            (
                float(one.views is not None),
                np.log10(1 + (one.views or 0.0)),
                mark_of(one.relation) if one.relation else 0.0,
            )
            for one in signals.read(EntityPopularity(self.file))
        ]
        return np.array(rows, dtype=np.float64).reshape(len(rows), 3)

    def learn(self, lesson: Lesson) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
        known = lesson.features[:, 0] > 0
        if not known.any():
            raise DataError(
                f"of none of {len(known)} questions is it known how popular their subject is.",
                hint="Give questions with s_pop or popularity, or name a file of page views.",
            )
        marks, counts = np.unique(lesson.features[known, 2], return_counts=True)
        relations = marks[(counts >= _OFTEN) & (marks > 0)]
        columns = _columns(lesson.features[known], relations)
        curve = Platt.fit(columns, lesson.right[known], penalty=_PENALTY)
        unknown = lesson.right[~known]
        prior = (unknown.sum() + _DOUBT * lesson.right.mean()) / (len(unknown) + _DOUBT)
        learned = {
            "relations": relations,
            "slopes": np.array(curve.slopes),
            "intercept": np.array([curve.intercept]),
            "prior": np.array([prior]),
        }
        gate = replace(self, arrays=Arrays(learned))
        return learned, gate.score(lesson.features)

    def curve(self, scores: NDArray[np.float64], lesson: Lesson) -> Calibrator:
        """The scores are log-odds already, of a curve too stiff to be too sure of itself."""
        del scores, lesson
        return Platt((1.0,), 0.0)

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds by popularity and relation; those of the prior where it is not known."""
        columns = _columns(features, self.arrays["relations"])
        by_views = (columns * self.arrays["slopes"]).sum(axis=1) + self.arrays["intercept"]
        return np.where(features[:, 0] > 0, by_views, logit(self.arrays["prior"]))

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        """Judge, and say where it is not known how popular the subject is."""
        found = signals.read(EntityPopularity(self.file))
        return [
            replace(one, reason=f"nobody says how popular its subject is; the prior {one.reason}")
            if popularity.views is None
            else replace(one, signals={**one.signals, "views": popularity.views})
            for one, popularity in zip(super().assess(questions, signals), found, strict=True)
        ]


def _columns(features: NDArray[np.float64], relations: NDArray[Any]) -> NDArray[np.float64]:
    """The logarithm of the views, and which of the relations it is."""
    return np.column_stack([features[:, 1], features[:, 2:] == relations])
