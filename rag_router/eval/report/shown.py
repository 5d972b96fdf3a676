"""How numbers are written for people: ".831", "12.3", "2,000", ".53 [.50, .56]"."""

from __future__ import annotations

import math

from rag_router.eval.report.document import Interval

__all__ = ["shown"]


def shown(value: object) -> str:
    """Write a value for people; three digits of a fraction, the exact value stays in the JSON.

    Lists are written in brackets, None as nothing.
    """
    if isinstance(value, bool | None):
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Interval):
        return _interval(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return str(value)


def _float(x: float) -> str:
    size = abs(x)
    if size == 0:
        return "0"
    if size < 0.0005 or size >= 1e12:
        return f"{x:.1e}"
    # The limits are where rounding would add a digit: 9.996 is "10.0", not "10.00".
    for limit, decimals in ((0.9995, 3), (9.995, 2), (99.95, 1)):
        if size < limit:
            return _fixed(x, decimals)
    return _fixed(x, 0)


def _interval(interval: Interval) -> str:
    """Write as many decimals as the width leaves certain, but at least two for shares."""
    width = interval.high - interval.low
    certain = math.ceil(-math.log10(width)) if width > 0 else 2
    least = 2 if max(map(abs, interval)) <= 1 else 0
    value, low, high = (_fixed(x, min(max(certain, least), 4)) for x in interval)
    return f"{value} [{low}, {high}]"


def _fixed(x: float, decimals: int) -> str:
    text = f"{x:,.{decimals}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
