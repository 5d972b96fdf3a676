"""Turning a decoder's one knob for a single request: how far memory is relied on.

The knob is CK-PLUG's (see `reliance`): a decoder that has it has a field `reliance`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rag_router.decoders.requirements import decoders_that
from rag_router.errors import UsageError
from rag_router.models.streams import Strategy

__all__ = ["relying"]


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
    # Written so that what is no number is refused too.
    if not 0.0 <= reliance <= 1.0:
        raise UsageError(
            f"reliance is {reliance}.", hint="It lies between 0, the passages, and 1, memory."
        )
    if not hasattr(decoder, "reliance"):
        fits = decoders_that(lambda one: hasattr(one, "reliance"))
        raise UsageError(
            f"the decoder {name!r} has no knob for reliance on memory.",
            hint=f"Decoders that have one: {', '.join(fits)}.",
        )
    component: Any = decoder
    changed: Strategy = replace(component, reliance=reliance)
    return changed
