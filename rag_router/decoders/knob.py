"""Turning a decoder's one knob for a single request: how far memory is relied on.

The knob is CK-PLUG's (see `reliance`): a decoder that has it has a field `reliance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rag_router.decoders.requirements import decoders_that
from rag_router.errors import UsageError
from rag_router.models.streams import Strategy

__all__ = ["has_knob", "relying", "require_knob"]


def has_knob(decoder: Strategy) -> bool:
    """Whether a decoder can be told how far to rely on memory."""
    return hasattr(decoder, "reliance")


def require_knob(reliance: float, lacking: Sequence[str]) -> None:
    """Refuse a reliance that is out of range, or that nobody can be told.

    Args:
        reliance: In [0, 1].
        lacking: Names of all decoders that could be told, where each lacks the knob; else empty.

    Raises:
        UsageError: it is refused.
    """
    # Written so that what is no number is refused too.
    if not 0.0 <= reliance <= 1.0:
        raise UsageError(
            f"reliance is {reliance}.", hint="It lies between 0, the passages, and 1, memory."
        )
    if lacking:
        names = ", ".join(repr(name) for name in dict.fromkeys(lacking))
        fits = decoders_that(has_knob)
        raise UsageError(
            f"the decoder {names} has no knob for reliance on memory.",
            hint=f"Decoders that have one: {', '.join(fits)}.",
        )


def relying(decoder: Strategy, reliance: float | None, *, name: str) -> Strategy:
    """Return the decoder with its reliance on memory set.

    Args:
        decoder: As the settings have it.
        reliance: In [0, 1]: 1 says what memory says where it conflicts with the passages. None
            leaves the decoder as it is.
        name: What the decoder is called.

    Raises:
        UsageError: it is out of range, or the decoder has no such knob.
    """
    if reliance is None:
        return decoder
    require_knob(reliance, [] if has_knob(decoder) else [name])
    component: Any = decoder
    changed: Strategy = replace(component, reliance=reliance)
    return changed
