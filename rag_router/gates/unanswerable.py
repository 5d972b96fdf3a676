"""Unanswerable questions: no memory and no index holds what does not exist.

SelfAware (Yin et al. 2023, arXiv 2305.18153) holds questions that nobody can answer, and tells
from the wording of a model's answer whether it has noticed; FalseQA (Hu et al. 2023, arXiv
2307.02394) holds questions that rest on a false premise. Here P(unanswerable) comes from a
logistic regression on the question's embedding and the uncertainty of the answer's wording, and

    p_know = 1 - P(unanswerable)

which is a bound from above: what cannot be answered is not known, but of a question that can be
this gate does not say whether *this* model knows. Use it beside another gate. It learns from
questions that are marked (`answerable`), not from answers that were right or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.gates.headed import HeadedGate
from rag_router.gates.linear import Block
from rag_router.gates.skr_classifier import embedded_features
from rag_router.signals.base import Signal, Signals
from rag_router.signals.question_embedding import QuestionEmbedding
from rag_router.signals.uncertain_wording import UncertainWording
from rag_router.types import Question, Verdict

__all__ = ["UnanswerableGate", "answerable"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class UnanswerableGate(HeadedGate):
    """Retrieve when the question looks as if nobody could answer it.

    Until it is fitted, `p_know` is 1 less the uncertainty of the answer's wording.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        components: Most principal components of the embedding.
        max_new_tokens: Longest closed-book answer.
    """

    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24

    options_kept: ClassVar[tuple[str, ...]] = ("components", "max_new_tokens")

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (QuestionEmbedding(), UncertainWording(self.max_new_tokens))

    def marks(self, questions: Sequence[Question]) -> NDArray[np.bool_]:
        """Whether each question can be answered, as it says itself; see `answerable`."""
        return answerable(questions)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """The embedder's mark, the uncertainty of the wording, the embedding; (questions, n)."""
        del questions
        embedded = embedded_features(signals)
        wording = np.array(signals.read(UncertainWording(self.max_new_tokens)), dtype=np.float64)
        return np.column_stack([embedded[:, :1], wording, embedded[:, 1:]])

    def parted(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[Block]]:
        return features[:, :1], [Block(features[:, 1:2]), Block(features[:, 2:])]

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        return {"score": self.score(features), "uncertain_wording": features[:, 1]}

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(the question can be answered), shape (questions,)."""
        if self.fitted or not len(features):
            return super().probabilities(features)
        return 1 - features[:, 1]

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        return [
            replace(said, status="unanswerable" if said.retrieve else "answerable")
            for said in super().assess(questions, signals)
        ]


def answerable(questions: Sequence[Question]) -> NDArray[np.bool_]:
    """Read off marked questions what this gate learns: whether each can be answered.

    Returns:
        What `meta.answerable` says, or the opposite of `meta.false_premise`, shape (questions,).

    Raises:
        DataError: a question is marked in neither way.
    """
    marks: list[bool] = []
    for question in questions:
        meta = question.meta
        if isinstance(meta.get("answerable"), bool):
            marks.append(meta["answerable"])
        elif isinstance(meta.get("false_premise"), bool):
            marks.append(not meta["false_premise"])
        else:
            raise DataError(
                f"question {question.id!r} does not say whether it can be answered.",
                hint="Give it meta.answerable or meta.false_premise, true or false.",
            )
    return np.array(marks, dtype=bool)
