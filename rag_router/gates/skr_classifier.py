"""SKR-cls: a classifier on the question alone tells whether the model knows.

Wang et al. 2023, "Self-knowledge guided retrieval augmentation for large language models"
(arXiv 2310.05002). Their classifier is a fine-tuned BERT (learning rate 2e-5, 10 epochs) whose
labels say whether retrieval made answers better or worse. This one is a logistic regression on a
sentence embedding, its penalty chosen by cross-validation; its labels say whether the closed-book
answer was right. It asks nothing of the judged model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.headed import HeadedGate
from rag_router.gates.linear import Block
from rag_router.gates.sources import mark_of
from rag_router.signals.base import Signal, Signals
from rag_router.signals.question_embedding import QuestionEmbedding
from rag_router.types import Question

__all__ = ["SKRClassifierGate", "embedded_features"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SKRClassifierGate(HeadedGate):
    """Retrieve when a classifier on the question's embedding says it is not known.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        components: Most principal components of the embedding.
    """

    options_kept: ClassVar[tuple[str, ...]] = ("components",)

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (QuestionEmbedding(),)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Who embedded it, and the embedding, shape (questions, 1 + dimension)."""
        del questions
        return embedded_features(signals)

    def parted(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[Block]]:
        return features[:, :1], [Block(features[:, 1:])]


def embedded_features(signals: Signals) -> NDArray[np.float64]:
    """Lay out embedded questions: the embedder's mark, then the vector."""
    embedded = signals.read(QuestionEmbedding())
    if not embedded:
        return np.zeros((0, 1))
    rows = [[mark_of(one.fingerprint), *one.vector.tolist()] for one in embedded]
    return np.array(rows, dtype=np.float64)
