"""A generator expert: a model that answers, and what is known about how sure it is.

Later kinds of experts (adapters, remote endpoints) have fewer abilities; whoever needs one asks
`model.abilities` for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from rag_router.models.base import CausalModel
from rag_router.models.prompts import PromptStyle

__all__ = ["Expert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expert:
    """A model in memory, and how it is prompted.

    Attributes:
        name: What it is called in settings and answers.
        model: The model itself.
        style: How questions are put to it.
    """

    name: str
    model: CausalModel
    style: PromptStyle
