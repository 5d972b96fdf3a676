"""MoDEM: the domain of a question decides who answers it.

Simonds et al. 2024, "MoDEM: mixture of domain expert models" (ALTA 2024, arXiv 2410.07490): a
classifier names the domain of a question, and every domain belongs to exactly one expert,

    domain(q) = argmax_d P(d | q)        expert(q) = the best of that domain

The paper fine-tunes DeBERTa-v3-large and gives each domain the specialist made for it; here the
classifier reads the question's embedding, and the expert of a domain is the one that was right most
often on its labelled questions (of equals, the cheapest). A question whose domain is not clear is
nobody's specialty and goes to the best expert of all, as the paper's domain "other" does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.experts.routing.classes import class_probabilities, fit_classes, one_hot
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import OutcomeLesson

__all__ = ["DomainRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DomainRouter(LearnedExpertRouter):
    """Ask the best expert of the question's domain (MoDEM).

    Args:
        price_weight: Accuracy that the dearest candidate must bring more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
        confidence: Least probability of a domain, in [0, 1]; below it the best expert of all is
            asked. 0 always believes the classifier.
    """

    confidence: Annotated[float, Field(ge=0, le=1)] = 0.0

    called: ClassVar[str] = "domain"
    options_kept: ClassVar[tuple[str, ...]] = ("confidence",)

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        fields = lesson.require_fields(self.called)
        domains = sorted(set(fields))
        target = one_hot(fields, domains)
        return {
            **fit_classes(lesson.vectors, target, lesson.seed),
            "accuracy": target.T @ lesson.right / target.sum(axis=0)[:, None],
            "everywhere": lesson.right.mean(axis=0),
        }

    def likely(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        domains = class_probabilities(self.arrays, vectors)
        sure = domains.max(axis=1) >= self.confidence
        accuracy = self.arrays["accuracy"][domains.argmax(axis=1)]
        return np.where(sure[:, None], accuracy, self.arrays["everywhere"])
