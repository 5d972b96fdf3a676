"""What a router is: embedded questions in, for each expert the probability that it is the one.

The contract, for all kinds:

- An expert's probability depends on the question and on what was learned of this expert alone:
  neither other questions nor other experts change it. Experts come and go without a refit.
- Probabilities are calibrated as if the expert's questions were half of all. So 0.5 says that the
  question is as like the expert's as not, and odds of several experts can be compared.
- A router reads the embedding that the gate and the retrievers read; it embeds nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag_router.retrievers.base import Query, Retriever, Searchable
from rag_router.types import Hit, RouteChoice

__all__ = ["QueryEncoder", "Router", "RoutingRetriever"]


@runtime_checkable
class Router(Protocol):
    """Says how likely each expert is the right one; see the contract above.

    `knows` names the experts it has learned of; None means that it needs to learn of none.
    """

    @property
    def knows(self) -> tuple[str, ...] | None: ...

    def probabilities(
        self, queries: Sequence[Query], experts: Sequence[str]
    ) -> NDArray[np.float64]:
        """Return how likely each expert is the right one, shape (queries, experts).

        Raises:
            SettingsError: it has not learned of one of the experts.
        """


@runtime_checkable
class QueryEncoder(Protocol):
    """Embeds questions otherwise than the base embedder does, for the same passages."""

    @property
    def name(self) -> str: ...

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed questions, shape (texts, dimension)."""


@runtime_checkable
class RoutingRetriever(Retriever, Protocol):
    """A retriever that first chooses where to look, and can tell."""

    def choose(
        self, queries: Sequence[Query], indices: Sequence[Searchable]
    ) -> list[tuple[RouteChoice, ...]]:
        """Return for each query the experts to visit, the likeliest first; weights sum to 1."""

    def visit(
        self,
        queries: Sequence[Query],
        indices: Sequence[Searchable],
        choices: Sequence[Sequence[RouteChoice]],
    ) -> list[list[Hit]]:
        """Return for each query what the chosen experts hold for it."""

    def searches(self, choices: Sequence[RouteChoice], indices: Sequence[Searchable]) -> int:
        """How many searches it takes to visit these experts."""
