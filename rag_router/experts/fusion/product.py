"""A product of next-token distributions: what all experts find likely.

    p(y) ~ prod_k p_k(y)^{w_k} = exp( sum_k w_k log p_k(y) )

Products of experts are Hinton's (2002, doi 10.1162/089976602760128018); with weights, and over
language models, it is the combination of MoICL (arXiv 2411.02830), where each expert is one model
with other demonstrations. There weights are learned and may be negative, which turns an expert
into one to keep away from; here they come from outside, once for a question, and are not.

When to use it: experts that each know a part of what makes an answer right. A token that one
trusted expert rules out is ruled out; who spreads its probability evenly has no say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic.dataclasses import dataclass
from torch import Tensor

from rag_router.component import STRICT
from rag_router.experts.fusion.base import Fused, Voices
from rag_router.experts.fusion.members import at_least_two

__all__ = ["ProductFusion", "multiplied"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ProductFusion:
    """Multiply the experts' next-token probabilities, each to the power of its weight.

    The weights in the trace are those of the question.
    """

    asks: ClassVar[str] = "a pass of every expert a token"

    def check(self, names: Sequence[str]) -> None:
        at_least_two(names, "product")

    def fuse(self, voices: Voices) -> Fused:
        return Fused(multiplied(list(voices.logits.values()), voices.weights), voices.shares)


def multiplied(logits: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Return the logarithm of a product's probabilities, up to a constant of each row.

    Args:
        logits: Of each expert, shape (rows, vocabulary). What one of them rules out stays so,
            unless that one weighs nothing.
        weights: Of each in each row, >= 0, shape (rows, experts).
    """
    total: Tensor | None = None
    for one, weight in zip(logits, weights.unbind(dim=1), strict=True):
        # 0 times infinity is no number, and the word of who weighs nothing is none.
        part = one.masked_fill((weight <= 0)[:, None], 0.0).mul_(weight[:, None])
        total = part if total is None else total.add_(part)
    assert total is not None
    return total
