"""Contrastive expert activation inspection: which experts read what the model knows?

Zhou et al. 2024, "Unveiling and consulting core experts in retrieval-augmented MoE-based LLMs"
(arXiv 2410.15438). In a mixture-of-experts model every layer's router sends a token to k experts.
For questions that the model answered right and wrong, the *contrast* of expert j of layer l is

    C(l, j) = P(j is chosen | right) - P(j is chosen | wrong),      in [-1, 1],

and sums to 0 over the experts of a layer. The experts of largest and of smallest contrast are the
core ("cognizant") experts, and a question is scored by those that read it,

    score(q) = sum over core experts (l, j)  C(l, j)  1[j is chosen for q].

Nothing is trained. The paper does not state at which tokens and for how many core experts; here it
is the last prompt token and, by default, 32 of either sign. A logistic curve over cross-fitted
scores gives `p_know` (Platt 1999).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.base import Lesson
from rag_router.gates.learned import LearnedGate
from rag_router.signals.base import Signal, Signals
from rag_router.signals.router_activations import RouterActivations
from rag_router.types import Question

__all__ = ["ExpertActivationGate", "activation_contrast", "core_experts"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ExpertActivationGate(LearnedGate):
    """Retrieve when the experts that read the question are those of unknown ones.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        core: How many experts of either sign have a say.
    """

    core: Annotated[int, Field(ge=1)] = 32

    options_kept: ClassVar[tuple[str, ...]] = ("core",)

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (RouterActivations(),)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Whether each expert was chosen, 0 or 1, shape (questions, layers * experts)."""
        del questions
        chosen = signals.read(RouterActivations())
        if not chosen:
            return np.zeros((0, 0))
        return np.array([one.reshape(-1) for one in chosen], dtype=np.float64)

    def taught(self, lesson: Lesson) -> Mapping[str, NDArray[Any]]:
        return {"contrast": activation_contrast(lesson.features, lesson.right)}

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The contrasts of the core experts that were chosen, added up."""
        return np.asarray(features @ core_experts(self.arrays["contrast"], self.core))

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """The score, and how many core experts of either sign were chosen."""
        weights = core_experts(self.arrays["contrast"], self.core)
        return {
            "score": features @ weights,
            "known_experts": features @ (weights > 0).astype(np.float64),
            "unknown_experts": features @ (weights < 0).astype(np.float64),
        }


def activation_contrast(
    chosen: NDArray[np.float64], right: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """How much more often each expert is chosen where the model is right.

    Args:
        chosen: Whether each expert was chosen, 0 or 1, shape (n, experts of all layers).
        right: Whether the answer was right, shape (n,); both must occur.

    Returns:
        In [-1, 1], shape (experts of all layers,).
    """
    return np.asarray(chosen[right].mean(axis=0) - chosen[~right].mean(axis=0))


def core_experts(contrast: NDArray[np.float64], core: int) -> NDArray[np.float64]:
    """Keep the largest positive and the largest negative contrasts; all others become 0."""
    kept = np.zeros_like(contrast)
    for sign in (1, -1):
        first = np.argsort(-sign * contrast, kind="stable")[:core]
        first = first[sign * contrast[first] > 0]
        kept[first] = contrast[first]
    return kept
