"""Semantic entropy: how far sampled answers are spread over meanings.

Kuhn et al. 2023 (arXiv 2302.09664); Farquhar et al. 2024, "Detecting hallucinations in large
language models using semantic entropy" (doi 10.1038/s41586-024-07421-0), and its released code.
Samples are put into groups C of equal meaning, and

    SE = - sum over C  p(C) log p(C)

with p(C) estimated in one of two ways, l_i being the mean token log-probability of sample i:

    likelihood   p(C) = (sum over i in C  exp l_i) / (sum over all i  exp l_i)
    discrete     p(C) = the share of samples in C

They group by entailment in both directions, judged by a model; here by shared words, unless
another `same` is given. A sample that says nothing, or that it does not know, is a group of its
own; one without a token weighs as one that is certain.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.sampled import SampledGate
from rag_router.signals.base import Signals
from rag_router.signals.meanings import Meanings
from rag_router.types import Question

__all__ = ["SemanticEntropyGate", "semantic_entropy"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SemanticEntropyGate(SampledGate):
    """Retrieve when sampled answers are spread over many meanings.

    Until it is fitted, `p_know` is 1 - SE / ln(samples): 1 where all samples mean the same, 0
    where no two do.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
        samples: How many answers are drawn.
        temperature: They are drawn at; above 0.
        max_new_tokens: Longest answer.
        same: What counts as the same meaning; a frozen value.
        estimate: How probable a meaning is: "likelihood" weighs samples by their probability,
            "discrete" counts them.
    """

    estimate: Literal["likelihood", "discrete"] = "likelihood"

    options_kept: ClassVar[tuple[str, ...]] = (
        "samples",
        "temperature",
        "max_new_tokens",
        "estimate",
    )

    @property
    def names(self) -> tuple[str, ...]:
        return ("semantic_entropy_nats",)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """The entropies in nats, shape (questions, 1), in [0, ln samples]."""
        del questions
        weigh = _likelihoods if self.estimate == "likelihood" else _counts
        found = [
            semantic_entropy(drawn.groups, weigh(drawn)) for drawn in signals.read(self.meanings)
        ]
        return np.array(found, dtype=np.float64).reshape(-1, 1)

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(1 - features[:, 0] / math.log(self.samples), 0.0, 1.0)


def semantic_entropy(groups: Sequence[int], weights: Sequence[float]) -> float:
    """Entropy in nats of the meanings of samples.

    Args:
        groups: Number of each sample's meaning.
        weights: What each sample weighs, > 0.
    """
    mass: dict[int, float] = defaultdict(float)
    for group, weight in zip(groups, weights, strict=True):
        mass[group] += weight
    total = sum(mass.values())
    return max(0.0, -sum(m / total * math.log(m / total) for m in mass.values()))


def _likelihoods(drawn: Meanings) -> list[float]:
    return [
        max(p, np.finfo(np.float64).tiny) if text else 1.0
        for text, p in zip(drawn.texts, drawn.probabilities, strict=True)
    ]


def _counts(drawn: Meanings) -> list[float]:
    return [1.0] * len(drawn.texts)
