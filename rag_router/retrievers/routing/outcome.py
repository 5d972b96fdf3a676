"""A linear classifier that learns from who found the gold passage.

Whose field a question is from says little about which expert serves it best: labels are outcomes
here, as in RouterRetriever's choice of e_max (Lee et al. 2025, arXiv 2409.02685, algorithm 1). A
question speaks for the expert of the highest nDCG@10 on it; one that nobody found anything for is
left out, since it tells nothing.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.routing.linear import LinearRouter

__all__ = ["OutcomeRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OutcomeRouter(LinearRouter):
    """Send a question where questions like it were answered best.

    Args:
        fewest: Labelled questions that an expert needs, >= 10.
        kept: Most labelled questions to learn from and keep, of each expert.
        arrays: What was learned; empty until fitted.
        ridge: How much weights are shrunk, > 0; None chooses it for each expert.
    """

    reads_outcomes: ClassVar[bool] = True
