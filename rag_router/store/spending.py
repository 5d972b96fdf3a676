"""What tenants have spent: the arithmetic of a minute and of a day, and what is kept of it.

A minute is a bucket that leaks: what was spent flows out at the rate of the limit, and what comes
in must find room. That is a token bucket seen from the other side (Turner 1986, "New directions in
communications", IEEE Communications Magazine 24(10), doi 10.1109/MCOM.1986.1092946): a full one
lets through as much at once as a minute has, and after that as much as its rate. A day is a counter
that begins anew at midnight, UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from rag_router.store.service_tables import SpendingRow

__all__ = ["DAY_S", "MINUTE_S", "Level", "Rates", "Spent", "add_spending"]

MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How much a tenant may spend, each >= 1; None is as much as it likes."""

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return any(
            one is not None
            for one in (
                self.requests_per_minute,
                self.requests_per_day,
                self.tokens_per_minute,
                self.tokens_per_day,
            )
        )


@dataclass(frozen=True, slots=True)
class Spent:
    """Something that was spent; below zero it is given back."""

    requests: int = 0
    tokens: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.requests + other.requests, self.tokens + other.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How full the buckets of a tenant are, and how far its day is counted.

    Attributes:
        at: When that was so, in seconds since 1970.
        minute_requests: Requests that have not flowed out yet, >= 0.
        minute_tokens: Tokens that have not, >= 0.
        day: Days since 1970.
        day_requests: Requests of that day, >= 0.
        day_tokens: Tokens of that day, >= 0.
    """

    at: float
    minute_requests: float = 0.0
    minute_tokens: float = 0.0
    day: int = 0
    day_requests: int = 0
    day_tokens: int = 0

    def until(self, now: float, rates: Rates) -> Level:
        """Let flow out what has flowed out by now.

        A clock that was set back lets nothing flow out for once; one that jumps ahead empties the
        buckets, which is a minute's worth at most. Whatever day it is that is not this one, it is
        a new one.
        """
        passed, day = max(0.0, now - self.at), int(now // DAY_S)
        same = day == self.day
        return Level(
            at=now,
            minute_requests=_leaked(self.minute_requests, rates.requests_per_minute, passed),
            minute_tokens=_leaked(self.minute_tokens, rates.tokens_per_minute, passed),
            day=day,
            day_requests=self.day_requests if same else 0,
            day_tokens=self.day_tokens if same else 0,
        )

    def after(self, spent: Spent) -> Level:
        """Add what was spent; what is given back never makes more room than there is."""
        return replace(
            self,
            minute_requests=max(0.0, self.minute_requests + spent.requests),
            minute_tokens=max(0.0, self.minute_tokens + spent.tokens),
            day_requests=max(0, self.day_requests + spent.requests),
            day_tokens=max(0, self.day_tokens + spent.tokens),
        )


def add_spending(
    session: Session,
    spent: Mapping[str, Spent],
    rates_of: Callable[[str], Rates],
    *,
    now: float,
) -> dict[str, Level]:
    """Add what was spent to what others have spent, and return how much that is together.

    Args:
        session: Open for writing.
        spent: By tenant.
        rates_of: How much each may spend.
        now: Seconds since 1970.
    """
    levels: dict[str, Level] = {}
    # Always in one order, so that two who do this at once never wait for each other in a ring.
    for tenant in sorted(spent):
        chosen = select(SpendingRow).where(SpendingRow.tenant == tenant).with_for_update()
        row = session.scalar(chosen)
        if row is None:
            row = SpendingRow(tenant=tenant)
            session.add(row)
            before = Level(at=now, day=int(now // DAY_S))
        else:
            before = Level(
                at=row.at,
                minute_requests=row.minute_requests,
                minute_tokens=row.minute_tokens,
                day=row.day,
                day_requests=row.day_requests,
                day_tokens=row.day_tokens,
            )
        level = before.until(now, rates_of(tenant)).after(spent[tenant])
        row.at, row.day = level.at, level.day
        row.minute_requests, row.minute_tokens = level.minute_requests, level.minute_tokens
        row.day_requests, row.day_tokens = level.day_requests, level.day_tokens
        levels[tenant] = level
    session.flush()
    return levels


def _leaked(level: float, per_minute: int | None, passed: float) -> float:
    if per_minute is None:
        return 0.0
    return max(0.0, level - per_minute * passed / MINUTE_S)
