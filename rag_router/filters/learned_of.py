"""Whose figures a filter has learned to read, and what that binds it to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from rag_router.filters.equipment import EquippableFilter

if TYPE_CHECKING:
    from rag_router.models.base import CausalModel, Embedder
    from rag_router.models.prompts import PromptStyle

__all__ = ["Owner", "Prints", "bound_to", "owner_of"]

Owner = Literal["embedder", "generator", "own"]
"""A filter's figures are those of the embedder, of the generator, or of a model of its own."""


class _Reader(Protocol):
    """What is asked of the expert: its model, and how it is prompted."""

    @property
    def model(self) -> CausalModel: ...
    @property
    def style(self) -> PromptStyle: ...


@dataclass(frozen=True, slots=True)
class Prints:
    """What an artefact must have been fitted for.

    Attributes:
        model: Fingerprint of the model.
        prompt: Fingerprint of the prompt with passages; None where no prompt is involved.
        name: Of the model.
    """

    model: str
    prompt: str | None
    name: str


def owner_of(one: object) -> Owner:
    """Say whose figures a filter reads; the embedder's, unless it says otherwise."""
    found: Owner = getattr(one, "learned_of", "embedder")
    return found


def bound_to(one: object, embedder: Embedder | None, expert: _Reader | None) -> Prints | None:
    """Return what a filter's artefact is bound to; None where that model is not at hand."""
    owner = owner_of(one)
    if owner == "own" and isinstance(one, EquippableFilter):
        own = one.model_fingerprint
        return Prints(own, None, str(getattr(one, "model", ""))) if own else None
    if owner == "generator":
        if expert is None:
            return None
        style = expert.style.contextual_fingerprint
        return Prints(expert.model.fingerprint, style, expert.model.name)
    return None if embedder is None else Prints(embedder.fingerprint, None, embedder.name)
