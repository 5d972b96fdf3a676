"""A circuit breaker: whoever has failed several times in a row is left alone for a while.

Nygard 2018, "Release It!", second edition, chapter 5. *Closed*, everybody may ask. After so many
failures in a row it *opens*, and nobody may: they turn to somebody else at once, in place of
waiting for one more time-out. When it has rested it is *half open*: one may try, and the outcome
closes it or opens it again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

__all__ = ["Breaker", "BreakerState"]

BreakerState = Literal["closed", "open", "half-open"]


class Breaker:
    """Lets requests pass, or not; safe to share between threads.

    Args:
        failures: In a row that open it, >= 1.
        rest_s: Seconds that it stays open, >= 0.
        clock: Seconds since some fixed moment.
    """

    def __init__(
        self, *, failures: int = 3, rest_s: float = 30.0, clock: Callable[[], float] | None = None
    ) -> None:
        self._most, self._rest = failures, rest_s
        self._clock = clock or time.monotonic
        self._lock = threading.Lock()
        self._failed = 0
        self._until: float | None = None
        self._trying = False

    @property
    def state(self) -> BreakerState:
        """How it stands now."""
        with self._lock:
            return self._state()

    @property
    def failed(self) -> int:
        """Requests that have failed since the last one that did not."""
        with self._lock:
            return self._failed

    @property
    def rests_s(self) -> float:
        """Seconds until somebody may try again; 0 where somebody may now."""
        with self._lock:
            return 0.0 if self._until is None else max(self._until - self._clock(), 0.0)

    def admit(self) -> bool:
        """Whether a request may be made now; then it must be followed by one of those below."""
        with self._lock:
            state = self._state()
            if state == "closed":
                return True
            if state == "open" or self._trying:
                return False
            self._trying = True
            return True

    def succeeded(self) -> None:
        """Note that the endpoint answered, whatever it said."""
        with self._lock:
            self._failed, self._until, self._trying = 0, None, False

    def gave_up(self) -> None:
        """Note that nobody waited for an answer: that says nothing about the endpoint."""
        with self._lock:
            self._trying = False

    def did_fail(self, *, rest_s: float = 0.0) -> None:
        """Note a failure.

        Args:
            rest_s: How long the endpoint asked to be left alone; it opens for no less.
        """
        with self._lock:
            self._failed += 1
            if self._trying or self._failed >= self._most:
                self._until = self._clock() + max(self._rest, rest_s)
            self._trying = False

    def _state(self) -> BreakerState:
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until else "half-open"
