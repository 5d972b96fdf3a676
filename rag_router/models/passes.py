"""Which prompts are read in one pass: together where weights are waited for, apart where not.

In a pass every prompt is as long as the longest one. A processor core computes a few dozen tokens
in the time that it takes to fetch the weights, so short prompts are better read together; but long
ones keep it busy by themselves, and what pads them is computed like everything else. So prompts
are put in the order of their lengths and cut where that costs least. An answer is the same
whichever way they are cut: what pads a prompt is never looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["ON_CPU", "Passes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """What passes cost.

    Attributes:
        fixed: What a pass costs whatever it reads, in tokens, >= 0.
        most: Most tokens of a pass, padding included, >= 1; a prompt that has more by itself is
            a pass of its own.
    """

    fixed: int
    most: int

    def cut(self, lengths: Sequence[int]) -> list[list[int]]:
        """Cut prompts into passes that cost least.

        Args:
            lengths: Tokens of each that are to be read, >= 0.

        Returns:
            Rows of each pass, ascending; the pass of the shortest prompts first.
        """
        order = sorted(range(len(lengths)), key=lengths.__getitem__)
        # What the first so many cost at least, and where their last pass begins.
        least, begins = [0], [0]
        for end in range(1, len(order) + 1):
            longest = lengths[order[end - 1]]
            cost, begin = min(
                (least[begin] + self.fixed + (end - begin) * longest, begin)
                for begin in range(end)
                if begin == end - 1 or (end - begin) * longest <= self.most
            )
            least.append(cost)
            begins.append(begin)
        passes: list[list[int]] = []
        end = len(order)
        while end:
            passes.append(sorted(order[begins[end] : end]))
            end = begins[end]
        return passes[::-1]


ON_CPU: Final = Passes(fixed=40, most=1024)
"""What the small models cost on a few cores; for all sizes about the same, since fetching weights
and computing with them grow alike. Beyond the most, what lies between layers no longer fits into
a core's cache, and every token costs more."""
