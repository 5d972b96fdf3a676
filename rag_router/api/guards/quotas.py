"""Requests and tokens of a minute and of a day: counted here, and with others through the store.

Looking and counting happen in memory, so that a request pays microseconds. What was counted is
added to what other processes have counted every second or so, by a thread: until then each
process knows only its own part. So several processes together may let through at once what each
finds free in its own view, at most as often as there are processes; that is made up for
afterwards, since the store's bucket is then fuller than full. Of a process that is killed, what
it has counted since the last time is forgotten.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy.orm import Session

from rag_router import telemetry
from rag_router.errors import BusyError, QuotaError, TooLargeError, UnavailableError
from rag_router.store.spending import DAY_S, MINUTE_S, Level, Rates, Spent, add_spending
from rag_router.telemetry import logger

__all__ = ["Quotas", "Reservation", "Standing"]

_EVERY_S: Final = 1.0
_LOOKS_AFTER_S: Final = 60.0
"""For as long after its last request what others let through for a tenant is looked at."""

_HAIR: Final = 1e-3
"""Of a request or token: clocks tell no smaller part of a second than that is at high rates."""

Unit = Literal["requests", "tokens"]
Window = Literal["minute", "day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one limit stands.

    Attributes:
        unit: What is counted.
        window: Over how long.
        limit: How much there is of it.
        left: How much of that is left, >= 0.
        resets_s: In how many seconds all of it is there again, >= 0.
    """

    unit: Unit
    window: Window
    limit: int
    left: int
    resets_s: int

    @property
    def window_s(self) -> int:
        return int(MINUTE_S if self.window == "minute" else DAY_S)


class Quotas:
    """Counts what tenants spend.

    Args:
        rates_of: How much each may spend.
        clock: Seconds since 1970.
        noting: Opens the database for writing; None keeps everything in memory.
        every_s: How often the database is told, in seconds.
    """

    def __init__(
        self,
        rates_of: Callable[[str], Rates],
        clock: Callable[[], float],
        noting: Callable[[], AbstractContextManager[Session]] | None = None,
        *,
        every_s: float = _EVERY_S,
    ) -> None:
        self.rates_of = rates_of
        self.clock, self._noting, self._every_s = clock, noting, every_s
        self._lock, self._telling = threading.Lock(), threading.Lock()
        self._levels: dict[str, Level] = {}
        self._untold: dict[str, Spent] = {}
        self._seen: dict[str, float] = {}
        self._stopped, self._called = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def knows(self, tenant: str) -> bool:
        """Whether anything of a tenant is limited that was not looked at in the database yet."""
        return self._noting is None or tenant in self._levels or not self.rates_of(tenant).any

    def take(self, tenant: str) -> None:
        """Count a request.

        Raises:
            QuotaError: there were too many.
        """
        self._spend(tenant, Spent(requests=1))

    def reserve(self, tenant: str, tokens: int) -> Reservation:
        """Count tokens that may be needed; `Reservation.settle` corrects that.

        Raises:
            QuotaError: there is no room for them now.
            TooLargeError: there never is.
        """
        self._spend(tenant, Spent(tokens=tokens))
        return Reservation(self, tenant, tokens)

    def correct(self, tenant: str, spent: Spent) -> None:
        """Count what was spent beyond what was counted before, or give it back."""
        rates = self.rates_of(tenant)
        if not rates.any or spent == Spent():
            return
        with self._lock:
            now = self.clock()
            self._count(tenant, self._level(tenant, now, rates), spent, now)

    def standings(self, tenant: str) -> list[Standing]:
        """How all limits of a tenant stand; empty where it has none."""
        rates = self.rates_of(tenant)
        if not rates.any:
            return []
        with self._lock:
            now = self.clock()
            level = self._level(tenant, now, rates)
        return list(_standings(level, rates, now))

    def start(self) -> None:
        """Begin to tell the database."""
        if self._noting is None:
            return
        self._thread = threading.Thread(target=self._run, name="rag-router-quotas", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell the database what it does not know yet, and end."""
        self._stopped.set()
        self._called.set()
        if self._thread is not None:
            self._thread.join(10.0)
            self._thread = None
        self.tell()

    def tell(self, *more: str) -> None:
        """Tell the database, and learn what others have let through.

        Without a database that answers, everybody is limited by what this process counts.

        Args:
            more: Tenants that have not been heard of.
        """
        if self._noting is None:
            return
        # One at a time: what one learns would else hide what another one has just told.
        with self._telling:
            self._tell(self._noting, more)

    def _tell(
        self, noting: Callable[[], AbstractContextManager[Session]], more: Sequence[str]
    ) -> None:
        with self._lock:
            now = self.clock()
            recent = [t for t, at in self._seen.items() if abs(now - at) <= _LOOKS_AFTER_S]
            telling = {tenant: Spent() for tenant in (*recent, *more)} | self._untold
            self._untold = {}
        if not telling:
            return
        try:
            with noting() as session:
                levels = add_spending(session, telling, self.rates_of, now=now)
        except (BusyError, UnavailableError) as exc:
            logger.warning("what tenants have spent was not told: %s", exc)
            with self._lock:
                self._untold = _sum(telling, self._untold)
            return
        with self._lock:
            for tenant, level in levels.items():
                self._levels[tenant] = level.after(self._untold.get(tenant, Spent()))

    def _spend(self, tenant: str, spent: Spent) -> None:
        rates = self.rates_of(tenant)
        if not rates.any:
            return
        with self._lock:
            now = self.clock()
            # Noted even where nothing is let through: a clock that was set back goes on from there.
            level = self._levels[tenant] = self._level(tenant, now, rates)
            if refusal := _refusal(level, rates, spent, now):
                telemetry.count(telemetry.REFUSED, why="quota")
                raise refusal
            self._count(tenant, level, spent, now)

    def _level(self, tenant: str, now: float, rates: Rates) -> Level:
        before = self._levels.get(tenant) or Level(at=now, day=int(now // DAY_S))
        return before.until(now, rates)

    def _count(self, tenant: str, level: Level, spent: Spent, now: float) -> None:
        self._levels[tenant] = level.after(spent)
        self._seen[tenant] = now
        if self._noting is not None:
            self._untold[tenant] = self._untold.get(tenant, Spent()) + spent

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._called.wait(self._every_s)
            try:
                self.tell()
            except Exception:  # noqa: BLE001  # nobody may go uncounted from here on
                logger.exception("what tenants have spent was not told")


@dataclass(slots=True)
class Reservation:
    """Tokens that were counted before it is known how many are needed."""

    quotas: Quotas
    tenant: str
    tokens: int
    open: bool = True

    def settle(self, used: int) -> None:
        """Count what was used in place of what was thought; only the first time counts."""
        if self.open:
            self.open = False
            self.quotas.correct(self.tenant, Spent(tokens=used - self.tokens))


def _refusal(
    level: Level, rates: Rates, spent: Spent, now: float
) -> QuotaError | TooLargeError | None:
    asked: tuple[tuple[Unit, int, int | None, float, int | None, int], ...] = (
        (
            "requests",
            spent.requests,
            rates.requests_per_minute,
            level.minute_requests,
            rates.requests_per_day,
            level.day_requests,
        ),
        (
            "tokens",
            spent.tokens,
            rates.tokens_per_minute,
            level.minute_tokens,
            rates.tokens_per_day,
            level.day_tokens,
        ),
    )
    for unit, wanted, per_minute, minute, per_day, day in asked:
        for window, limit in (("minute", per_minute), ("day", per_day)):
            if limit is not None and wanted > limit:
                return TooLargeError(
                    f"this may take {wanted:,} {unit}, and a {window} has {limit:,}.",
                    hint="Ask for less at once: fewer questions, or shorter answers.",
                )
        if not wanted:
            continue
        if per_day is not None and day + wanted > per_day:
            return QuotaError(
                f"{day:,} of {per_day:,} {unit} of this day are spent, and this takes {wanted:,}.",
                hint="The day ends at midnight, UTC.",
                retry_after_s=DAY_S - now % DAY_S,
            )
        if per_minute is not None and minute + wanted > per_minute + _HAIR:
            return QuotaError(
                f"{math.ceil(minute):,} of {per_minute:,} {unit} a minute are spent, and this "
                f"takes {wanted:,}.",
                hint="Try again after as many seconds as Retry-After says.",
                retry_after_s=(minute + wanted - per_minute) * MINUTE_S / per_minute,
            )
    return None


def _standings(level: Level, rates: Rates, now: float) -> Iterator[Standing]:
    minutes: tuple[tuple[Unit, int | None, float], ...] = (
        ("requests", rates.requests_per_minute, level.minute_requests),
        ("tokens", rates.tokens_per_minute, level.minute_tokens),
    )
    days: tuple[tuple[Unit, int | None, int], ...] = (
        ("requests", rates.requests_per_day, level.day_requests),
        ("tokens", rates.tokens_per_day, level.day_tokens),
    )
    for unit, limit, spent in minutes:
        if limit is not None:
            yield Standing(
                unit=unit,
                window="minute",
                limit=limit,
                left=max(0, math.floor(limit - spent + _HAIR)),
                resets_s=math.ceil(spent * MINUTE_S / limit),
            )
    for unit, limit, counted in days:
        if limit is not None:
            yield Standing(
                unit=unit,
                window="day",
                limit=limit,
                left=max(0, limit - counted),
                resets_s=math.ceil(DAY_S - now % DAY_S),
            )


def _sum(one: Mapping[str, Spent], other: Mapping[str, Spent]) -> dict[str, Spent]:
    return {
        tenant: one.get(tenant, Spent()) + other.get(tenant, Spent()) for tenant in {*one, *other}
    }
