"""What a decoder asks of a model, and whether a model shows it.

Reading the passages as they are asks for nothing; whoever weighs several streams, or looks at
layers, asks for what not every expert shows.
"""

from __future__ import annotations

from collections.abc import Callable

from rag_router.decoders import DECODERS
from rag_router.errors import SettingsError
from rag_router.models.base import Ability
from rag_router.models.strategies import layers_of
from rag_router.models.streams import Strategy

__all__ = ["abilities_of", "decoders_that", "require_abilities"]


def abilities_of(decoder: Strategy) -> frozenset[Ability]:
    """What a model must show for this decoder to work with it."""
    needed: set[Ability] = set()
    if len(decoder.streams) > 1:
        needed |= {"logits", "streams"}
    if layers_of(decoder):
        needed |= {"logits", "hidden_states"}
    return frozenset(needed)


def require_abilities(
    decoder: Strategy, shown: frozenset[Ability], *, name: str, expert: str
) -> None:
    """Refuse a decoder that reads what the expert does not show.

    Args:
        decoder: As it was built.
        shown: What the expert shows.
        name: What the decoder is called.
        expert: What the expert is called.

    Raises:
        SettingsError: names what is lacking, and the decoders that would do.
    """
    if lacking := abilities_of(decoder) - shown:
        fits = decoders_that(lambda one: abilities_of(one) <= shown)
        raise SettingsError(
            f"the decoder {name!r} reads {', '.join(sorted(lacking))}, "
            f"which {expert} does not show.",
            hint=f"Decoders that would do: {', '.join(fits)}.",
        )


def decoders_that(do: Callable[[Strategy], bool]) -> list[str]:
    """Names of the decoders that, built with their defaults, do something."""
    return [name for name in DECODERS if do(DECODERS.build(name))]
