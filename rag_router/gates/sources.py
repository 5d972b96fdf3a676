"""Who was asked: what is learned from one proxy or embedder says nothing of another.

An artefact is bound to the model that it judges; whom else a gate asked is known only where it
asks. So the features carry a mark of who that was, and what was learned keeps it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import fingerprint_of
from rag_router.errors import ArtefactError

__all__ = ["check_marks", "mark_of"]


def mark_of(name: str) -> float:
    """Return a number in [1, 2^24) for a name or fingerprint.

    Features are kept in float32, which holds such whole numbers exactly.
    """
    return float(1 + int(fingerprint_of("mark", name)[:8], 16) % (2**24 - 1))


def check_marks(marks: NDArray[np.float64], learned: NDArray[Any]) -> None:
    """Check that whom the gate asks is whom it learned from.

    Args:
        marks: Of who was asked about each question, shape (n, asked).
        learned: Of who was asked when it learned, shape (asked,).

    Raises:
        ArtefactError: somebody else was asked.
    """
    if (marks != learned).any():
        raise ArtefactError(
            "the gate was fitted with another proxy or embedder than the one in use.",
            hint="Name that one in the settings, or fit the gate again with this one.",
        )
