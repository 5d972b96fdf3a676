"""A logistic head on what is read off questions: principal components, and a chosen penalty.

A logistic regression with an L2 penalty (Alain and Bengio 2016, arXiv 1610.01644; Hoerl and
Kennard 1970, doi 10.1080/00401706.1970.10488634). Each block of features is standardised and
turned to its first principal components by itself, and is given the same total variance, so that
a block of a thousand columns does not drown one of four. What tells right from wrong stands in the
small components of hidden states as well as in the large ones, and in the large ones of sentence
embeddings: the former are whitened, the latter are not. The penalty is the one of least
cross-validated cross-entropy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.calibration import even_folds
from rag_router.gates.base import Lesson
from rag_router.learning.probes import Projection, cross_entropies, logistic_path, logits_apart

__all__ = ["Block", "LinearHead", "fit_linear", "linear_logits"]

_PENALTIES: Final = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)


@dataclass(frozen=True, slots=True)
class Block:
    """Columns that belong together.

    Attributes:
        columns: Shape (n, width).
        whitened: Whether all their principal components weigh alike; if not, each weighs as much
            as it varies.
    """

    columns: NDArray[np.float64]
    whitened: bool = False

    def projection(self, components: int) -> Projection:
        """Turn to the first principal components, of a total variance of 1."""
        whole = Projection.of(self.columns, components)
        basis = whole.basis
        if not self.whitened:
            # Undone on standardised columns, a whitened direction is as long as 1 / sqrt(variance).
            basis = basis / np.linalg.norm(self.columns.std(axis=0)[:, None] * basis, axis=0)
        total = float(replace(whole, basis=basis)(self.columns).var(axis=0).sum())
        return replace(whole, basis=basis / np.sqrt(total or 1.0))


@dataclass(frozen=True, slots=True)
class LinearHead:
    """What was learned.

    Attributes:
        weights: On the columns as they are, all blocks one after the other, shape (columns,).
        bias: Log-odds where they are zero.
        penalty: The chosen one.
        apart: The logits that heads fitted to the other folds give each question, shape (n,).
    """

    weights: NDArray[np.float64]
    bias: float
    penalty: float
    apart: NDArray[np.float64]


def fit_linear(
    blocks: Sequence[Block], lesson: Lesson, *, components: int, folds: int = 5
) -> LinearHead:
    """Fit a head that tells right from wrong.

    Args:
        blocks: What is read off the questions.
        lesson: What was right, or what share of samples; its features are not read.
        components: Most principal components of each block.
        folds: Of the cross-validation.

    Raises:
        DataError: a class has fewer than two examples.
    """
    target = lesson.right.astype(np.float64) if lesson.share is None else lesson.share
    fold = even_folds(lesson.right, folds, lesson.seed)
    # The projections know no labels, so that they may know all questions.
    projections = [block.projection(components) for block in blocks]
    z = np.column_stack(
        [turn(block.columns) for turn, block in zip(projections, blocks, strict=True)]
    )
    apart = logits_apart(z, target, _PENALTIES, fold)
    best = int(cross_entropies(apart, target).argmin())
    beta = logistic_path(z, target, [_PENALTIES[best]])[0]
    weights, bias, at = [], float(beta[-1]), 0
    for turn in projections:
        wide = turn.basis.shape[1]
        raw, shift = turn.unfold(beta[at : at + wide, None], np.zeros(1))
        weights.append(raw[:, 0])
        bias += float(shift[0])
        at += wide
    return LinearHead(np.concatenate(weights), bias, _PENALTIES[best], apart[best])


def linear_logits(
    columns: NDArray[np.float64], weights: NDArray[np.floating], bias: float
) -> NDArray[np.float64]:
    """Logits of a head, shape (n,); the same for a question alone and in company."""
    # Not a matrix product: that adds up in another order where there are more rows.
    return np.asarray((columns * weights).sum(axis=1) + bias)
