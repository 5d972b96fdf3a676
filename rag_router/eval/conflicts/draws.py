"""Random numbers that depend on a seed and a row's id alone.

A row draws the same whatever stands before it in the file, on every machine and Python version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TypeVar

__all__ = ["Draw"]

T = TypeVar("T")


class Draw:
    """A sequence of random numbers.

    Args:
        seed: Another seed gives other numbers.
        row: Id of the row that draws.
    """

    def __init__(self, seed: int, row: str) -> None:
        self._key = f"{seed}:{row}:".encode()
        self._count = 0

    def below(self, bound: int) -> int:
        """Return the next number in [0, bound), all alike; `bound` >= 1."""
        self._count += 1
        digest = sha256(self._key + str(self._count).encode()).digest()
        # 128 bits over a small bound: the remainder's bias is beyond measuring.
        return int.from_bytes(digest[:16], "big") % bound

    def shuffled(self, items: Sequence[T]) -> Iterator[T]:
        """Yield all items in a random order, each drawn when it is asked for (Fisher and Yates)."""
        moved: dict[int, int] = {}
        for left in range(len(items), 0, -1):
            at = self.below(left)
            yield items[moved.get(at, at)]
            moved[at] = moved.get(left - 1, left - 1)
