"""How long to wait before asking an endpoint again.

It says so itself by `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3). Otherwise
waits double, each drawn between nothing and the whole of it ("full jitter"; Brooker 2015,
"Exponential backoff and jitter", AWS Architecture Blog), so that those who were refused together
do not come back together. Draws go by seed, request and attempt, and by nothing else.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from rag_router.models.sampling import Sampling

__all__ = ["asked_to_wait", "backoff"]


def asked_to_wait(value: str | None, *, now: float) -> float | None:
    """Return the seconds, >= 0, that `Retry-After` asks for; None where it says nothing of sense.

    Args:
        value: The header's value.
        now: Seconds since 1970, which dates are compared with.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        # No number of so many digits is a time that anybody waits.
        return float(text) if len(text) < 10 else math.inf
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    # A date without a zone is one in GMT, as all dates of HTTP are.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - datetime.fromtimestamp(now, UTC)).total_seconds(), 0.0)


def backoff(attempt: int, *, first_s: float, longest_s: float, seed: int, request: str) -> float:
    """Return the seconds to wait after an attempt that failed, in [0, longest_s].

    Args:
        attempt: Its number, from 0.
        first_s: Most seconds after the first one; they double with each.
        longest_s: Most seconds after any.
        seed: Of all draws.
        request: What tells this request from others.
    """
    most = min(first_s * 2.0 ** min(attempt, 60), longest_s)
    return most * Sampling(seed=seed).keyed("backoff", request).draw(attempt)
