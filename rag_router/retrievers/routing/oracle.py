"""The router that is told the answer, for evaluation: what perfect routing would bring.

The data set oracle of RouterRetriever (Lee et al. 2025, arXiv 2409.02685, table 1) sends a
question to the expert of its set; told more than one expert for a question, it is an instance
oracle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.retrievers.base import Query

__all__ = ["OracleRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OracleRouter:
    """Send each question to the experts it is said to belong to; for evaluation only.

    Args:
        right: Text of a question -> names of its experts.
    """

    right: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.right.items())))

    @property
    def knows(self) -> None:
        return None

    def probabilities(
        self, queries: Sequence[Query], experts: Sequence[str]
    ) -> NDArray[np.float64]:
        """Return 1 for the experts of a question, and 0 for all others.

        Raises:
            DataError: nobody said where a question belongs.
        """
        rows = []
        for query in queries:
            if query.text not in self.right:
                raise DataError(
                    f"nobody told the oracle where {query.text!r} belongs.",
                    hint="It serves evaluations, which know. Route by another router: "
                    "rag-router route fit combined.",
                )
            rows.append([float(expert in self.right[query.text]) for expert in experts])
        return np.array(rows, dtype=np.float64).reshape(len(queries), len(experts))
