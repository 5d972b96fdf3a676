"""Every expert for every question: what routing is measured against.

Federated search (Shokouhi and Si 2011, doi 10.1561/1500000010) that asks all it could ask: it finds
what there is, and spares nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.base import Query

__all__ = ["EverywhereRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EverywhereRouter:
    """Send every question to every expert, each as likely as any other."""

    @property
    def knows(self) -> None:
        return None

    def probabilities(
        self, queries: Sequence[Query], experts: Sequence[str]
    ) -> NDArray[np.float64]:
        return np.full((len(queries), len(experts)), 0.5)
