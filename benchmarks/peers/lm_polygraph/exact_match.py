"""Semantic classes without an entailment model: answers that are equal once normalised.

Kuhn et al. 2023 (arXiv 2302.09664) put two answers into one class where each entails the other.
For answers of a few words, equality up to case, punctuation and articles stands in for that here;
it is stricter, as "JFK" and "John F. Kennedy" stay apart.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["SAME", "equality_matrices", "normalised"]

SAME = 1
"""Label of two answers that are equal; 0 is that of others."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(answer: str) -> str:
    """Lower-case, drop punctuation and English articles, squeeze spaces."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def equality_matrices(samples: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    """For each question, which of its samples say the same: (questions, samples, samples)."""
    texts = np.array([[normalised(sample) for sample in line] for line in samples])
    return np.where(texts[:, :, None] == texts[:, None, :], SAME, 1 - SAME)
