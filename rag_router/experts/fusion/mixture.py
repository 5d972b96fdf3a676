"""A mixture of next-token distributions: one expert is right, and it is not known which.

    p(y) = sum_k w_k p_k(y)        w_k >= 0, sum_k w_k = 1

The adding form of mixtures of experts (Jacobs, Jordan, Nowlan and Hinton 1991, doi
10.1162/neco.1991.3.1.79), with whole language models for experts and the weights given from
outside, once for a question; MoICL (arXiv 2411.02830) has it as its mixture of probabilities.

When to use it: experts of different fields. A token is likely if any trusted expert thinks so, so
that one who does not know, and spreads its probability, does not drown one who does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from rag_router.component import STRICT
from rag_router.experts.fusion.base import Fused, Voices
from rag_router.experts.fusion.members import at_least_two

__all__ = ["MixtureFusion", "mixed"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MixtureFusion:
    """Add up the experts' next-token probabilities, each by its weight.

    The weights in the trace are those of the question.
    """

    asks: ClassVar[str] = "a pass of every expert a token"

    def check(self, names: Sequence[str]) -> None:
        at_least_two(names, "mixture")

    def fuse(self, voices: Voices) -> Fused:
        return Fused(mixed(list(voices.logits.values()), voices.weights), voices.shares)


def mixed(logits: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Return the logarithm of a mixture's probabilities.

    Args:
        logits: Of each expert, shape (rows, vocabulary).
        weights: Of each in each row, >= 0, shape (rows, experts); each row's sum is 1.
    """
    total: Tensor | None = None
    for one, weight in zip(logits, weights.unbind(dim=1), strict=True):
        # softmax() keeps what is smallest as far from zero as float32 can.
        share = torch.softmax(one, dim=-1).mul_(weight[:, None])
        total = share if total is None else total.add_(share)
    assert total is not None
    return total.log_()
