"""What gates share that put one linear head on what proxies and embedders made of a question.

A logistic head (Platt 1999, "Probabilistic outputs for support vector machines") reads blocks of
columns; whom the gate asked for them is marked beside them, and what was learned keeps the marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration import Calibrator, choose_calibrator
from rag_router.component import STRICT
from rag_router.gates.base import Lesson
from rag_router.gates.learned import FOLDS, LearnedGate
from rag_router.gates.linear import Block, fit_linear, linear_logits
from rag_router.gates.sources import check_marks

__all__ = ["HeadedGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HeadedGate(LearnedGate):
    """A linear head on blocks of columns. Subclasses say which blocks.

    Args:
        components: Most principal components of a block.
    """

    components: Annotated[int, Field(ge=1, le=1024)] = 128

    def parted(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[Block]]:
        """Part features into marks of who was asked, shape (n, asked), and the head's blocks."""
        raise NotImplementedError

    def learn(self, lesson: Lesson) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
        marks, blocks = self.parted(lesson.features)
        head = fit_linear(blocks, lesson, components=self.components, folds=FOLDS)
        learned: dict[str, NDArray[Any]] = {
            "marks": marks[0],
            "weights": head.weights.astype(np.float32),
            "bias": np.array([head.bias]),
        }
        return learned, head.apart

    def curve(self, scores: NDArray[np.float64], lesson: Lesson) -> Calibrator:
        return choose_calibrator(scores, lesson.right, seed=lesson.seed)[0]

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The head's logit, shape (questions,).

        Raises:
            ArtefactError: another proxy or embedder was asked than the one it learned from.
        """
        if not len(features):
            return np.zeros(0)
        marks, blocks = self.parted(features)
        check_marks(marks, self.arrays["marks"])
        columns = np.column_stack([block.columns for block in blocks])
        return linear_logits(columns, self.arrays["weights"], float(self.arrays["bias"][0]))
