"""How far a job is: what is done, how fast it goes, what the answers are like."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rag_router.batch.items import Done

__all__ = ["Progress", "Tally"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is at one moment.

    Attributes:
        total: Lines that are wanted.
        done: Lines that need no more work, those of earlier runs included.
        fresh: Lines of this run.
        failed: Lines of this run that have an error in the answer's place.
        retrieved: Answers of this run that were looked up.
        abstained: Answers of this run that say that nobody knows.
        seconds: Since this run began.
    """

    total: int
    done: int
    fresh: int = 0
    failed: int = 0
    retrieved: int = 0
    abstained: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Lines of this run a second; 0 before there is any."""
        return self.fresh / self.seconds if self.seconds > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds until everything is done, at this rate; None before there is one."""
        return (self.total - self.done) / self.rate if self.rate else None

    def __str__(self) -> str:
        said = f"{self.done} of {self.total}"
        if self.rate:
            said += f", {self.rate:.1f} a second"
        if self.left_s:
            said += f", {_duration(self.left_s)} left"
        if answered := self.fresh - self.failed:
            said += f", {self.retrieved / answered:.0%} looked up"
            said += f", {self.abstained / answered:.0%} abstained"
        return said + (f", {self.failed} failed" if self.failed else "")


@dataclass(slots=True)
class Tally:
    """Counts what is done.

    Args:
        total: Lines that are wanted.
        before: Lines that were done before this run.
        clock: Seconds that only ever grow, whatever happens to the time of day.
    """

    total: int
    before: int
    clock: Callable[[], float] = time.monotonic
    fresh: int = 0
    failed: int = 0
    retrieved: int = 0
    abstained: int = 0
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.clock()

    def add(self, done: Iterable[Done]) -> Progress:
        """Count some lines more."""
        for one in done:
            self.fresh += 1
            if one.answer is None:
                self.failed += 1
                continue
            self.retrieved += bool(one.answer.get("knowledge", {}).get("retrieve"))
            self.abstained += bool(one.answer.get("abstained"))
        return self.now()

    def now(self) -> Progress:
        """Return how far it is."""
        return Progress(
            total=self.total,
            done=self.before + self.fresh,
            fresh=self.fresh,
            failed=self.failed,
            retrieved=self.retrieved,
            abstained=self.abstained,
            # A clock that is set back makes no time negative.
            seconds=max(self.clock() - self.begun, 0.0),
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
