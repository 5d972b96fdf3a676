"""Decoders that learn: what they learned travels in the artefact that says how sure answers are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self, runtime_checkable

from numpy.typing import NDArray

from rag_router.artefacts import Artefact
from rag_router.models.streams import Strategy

__all__ = ["FittedDecoder"]


@runtime_checkable
class FittedDecoder(Strategy, Protocol):
    """A decoder with something to learn. A frozen value; it works, plainer, before it has."""

    @property
    def fitted(self) -> bool:
        """Whether it has learned for the model in use."""

    @property
    def learned(self) -> Mapping[str, NDArray[Any]]:
        """What it learned; empty until fitted."""

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this decoder as it was fitted.

        Raises:
            KeyError: the artefact holds nothing of the kind.
            ValueError: it holds something impossible.
        """
