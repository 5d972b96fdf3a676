"""The waiting room: who waits, how many may, and who is next."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Generic, TypeVar

from rag_router.errors import OverloadedError

__all__ = ["Guest", "Lane", "WaitingRoom"]

T = TypeVar("T")

_PATIENCE_S: Final = 20.0
"""After as many seconds an errand goes before questions that came later: nobody waits forever."""


class Lane(IntEnum):
    """Who goes first: answers before titles and other errands."""

    ANSWER = 0
    ERRAND = 1


@dataclass(eq=False, slots=True, kw_only=True)
class Guest(Generic[T]):
    """Something that is to be done.

    Attributes:
        what: It.
        lane: How urgent it is.
        company: With whom it may be done together: those of the same company. None is nobody.
        late: Whether its time is up; it is then done before others, since little is left to do.
        came: When, on the room's clock.
    """

    what: T
    lane: Lane = Lane.ANSWER
    company: Hashable | None = None
    late: Callable[[], bool] = field(default=lambda: False)
    came: float = 0.0


class WaitingRoom(Generic[T]):
    """Holds those who wait, and lets out some of them at a time.

    Args:
        most: Most who may wait, >= 1.
        clock: Seconds that have passed since some fixed moment.
    """

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._guests: list[Guest[T]] = []
        self._changed = threading.Condition()
        self._open = True
        self._expected = 0
        self._each_s = self._linger_s = 0.0

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, guests: Sequence[Guest[T]]) -> None:
        """Let some in, or none of them.

        More than there is room for are let in where nobody else waits.

        Raises:
            OverloadedError: too many wait, or the room is closed.
        """
        with self._changed:
            if not self._open:
                raise OverloadedError(
                    "the service ends, and takes nothing more.",
                    hint="Try again: another one, or the next, will answer.",
                    retry_after_s=5.0,
                )
            if self._guests and len(self._guests) + len(guests) > self._most:
                raise OverloadedError(
                    f"{len(self._guests)} questions wait already; at most {self._most} may.",
                    hint="Try again after as many seconds as Retry-After says.",
                    retry_after_s=max(self._each_s * len(self._guests), 1.0),
                )
            now = self._clock()
            for guest in guests:
                guest.came = now
            self._guests += guests
            self._changed.notify_all()

    def leave(self, guests: Sequence[Guest[T]]) -> bool:
        """Let some go who wait no longer; returns whether all of them were still there."""
        with self._changed:
            there = [guest for guest in guests if guest in self._guests]
            for guest in there:
                self._guests.remove(guest)
            return len(there) == len(guests)

    def take(self, most: int) -> list[Guest[T]]:
        """Wait for somebody, and let out those who go next, together.

        Args:
            most: Most at once, >= 1.

        Returns:
            Who goes, in order; nobody once the room is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._guests or not self._open)
            self._linger(most)
            if not self._guests:
                return []
            line = sorted(self._guests, key=self._rank)
            first = line[0]
            together = [one for one in line if first.company is not None and self._fit(one, first)]
            taken = together[:most] or [first]
            for one in taken:
                self._guests.remove(one)
            return taken

    def done(self, taken: int, seconds: float) -> None:
        """Take note of how long some who went together took."""
        with self._changed:
            self._each_s = seconds / taken
            # Whoever was answered may well ask again at once.
            self._expected = taken + len(self._guests)
            self._linger_s = min(seconds / 20, 0.05)

    def close(self) -> None:
        """Let nobody in any more; those who are there are still let out."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def _linger(self, most: int) -> None:
        """Wait a twentieth of what the last batch took for those who were just answered.

        Clients that ask one question after another come back within milliseconds; without this,
        those of the last batch would miss the next one, and two half batches take longer than one.
        """
        wanted, self._expected = min(self._expected, most), 0
        if self._open and wanted > 1 and self._linger_s > 0:
            self._changed.wait_for(
                lambda: len(self._guests) >= wanted or not self._open, self._linger_s
            )

    def _rank(self, guest: Guest[T]) -> tuple[bool, int, float]:
        waited = self._clock() - guest.came
        lane = Lane.ANSWER if waited >= _PATIENCE_S else guest.lane
        return (not guest.late(), lane, guest.came)

    @staticmethod
    def _fit(one: Guest[T], first: Guest[T]) -> bool:
        # What is late is cut short, and nobody else's answer with it.
        return one.company == first.company and one.late() == first.late()
