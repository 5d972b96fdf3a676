"""Progress for logs: now and then a whole line, where there is no terminal to draw a bar on."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

__all__ = ["PlainProgress"]


class PlainProgress:
    """Says how far something is, a line every minute at most; what is done sooner says nothing.

    Args:
        what: Is being done.
        every_s: Seconds from the start to the first line, and from one line to the next.
        clock: Seconds that only ever grow.
        say: Takes a line.
    """

    def __init__(
        self,
        what: str,
        *,
        every_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] = lambda line: click.echo(line, err=True),
    ) -> None:
        self._what, self._every, self._clock, self._say = what, every_s, clock, say
        self._last = clock()

    def move(self, done: int, total: int) -> None:
        """Hear how far it is."""
        now = self._clock()
        if now - self._last >= self._every:
            self._last = now
            self._say(f"{self._what}: {done} of {total}")
