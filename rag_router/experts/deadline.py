"""By when a request must be answered.

What is late is cut short rather than refused: an answer from what is known so far, and a note of
what was left undone, is worth more to who waits than an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Clock", "Deadline"]

Clock = Callable[[], float]
"""Seconds that have passed since some fixed moment."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on a clock; as text it says that it has passed.

    Attributes:
        seconds: How long was given, > 0; infinite where there is no hurry.
        ends: The moment.
        clock: What is asked for the time.
    """

    seconds: float
    ends: float
    clock: Clock

    @classmethod
    def within(cls, *seconds: float | None, clock: Clock) -> Deadline:
        """Begin to wait: the shortest of several times counts, and None is no limit."""
        least = min((s for s in seconds if s is not None), default=math.inf)
        return cls(least, clock() + least, clock)

    @property
    def left_s(self) -> float:
        """Seconds until it is too late, >= 0."""
        return max(self.ends - self.clock(), 0.0)

    def part(self, share: float) -> Deadline:
        """Begin to wait for a share of the time that is left; what never ends stays as it is."""
        if math.isinf(self.ends):
            return self
        return Deadline.within(share * self.left_s, clock=self.clock)

    def passed(self) -> bool:
        """Whether it is too late."""
        return self.clock() >= self.ends

    def __str__(self) -> str:
        return f"the deadline of {self.seconds:g} s passed"
