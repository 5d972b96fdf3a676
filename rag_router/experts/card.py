"""What is known of an expert before it is asked, and before it is loaded.

Routers choose by it, and people too: what an expert can do, what it costs, and who may use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rag_router.models.base import Ability

__all__ = ["Card", "Kind"]

Kind = Literal["local", "adapter", "remote"]
"""Where an expert's weights are: here, here on top of another's, or with somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An expert, described.

    Attributes:
        name: What it is called in settings, requests and answers.
        kind: Where its weights are.
        model: The model behind it; of an adapter, the one that it is laid over.
        abilities: What it shows; a remote one shows nothing but its answers.
        context_tokens: Most tokens that it reads, prompt and answer together; 0 where nobody
            says so.
        parameters: Number of weights that a token passes; 0 where nobody says so.
        price_prompt: Price of a million tokens that it reads, >= 0, in any currency.
        price_completion: Price of a million tokens that it writes, >= 0, in the same.
        tokens_per_second: How fast it writes; None where nobody has measured it.
        licence: Under what terms its weights may be used; empty where nobody says so.
        tenants: Who may use it; None is everybody.
        about: What it is good at, in words.
    """

    name: str
    kind: Kind
    model: str
    abilities: frozenset[Ability]
    context_tokens: int = 0
    parameters: int = 0
    price_prompt: float = 0.0
    price_completion: float = 0.0
    tokens_per_second: float | None = None
    licence: str = ""
    tenants: frozenset[str] | None = None
    about: str = ""

    def open_to(self, tenant: str | None) -> bool:
        """Whether this tenant may use it; None is nobody in particular."""
        return self.tenants is None or tenant in self.tenants

    def to_json(self) -> dict[str, Any]:
        """Return it as plain lists, strings and numbers; what nobody said is left out."""
        told: Mapping[str, Any] = {
            "context_tokens": self.context_tokens or None,
            "parameters": self.parameters or None,
            "tokens_per_second": self.tokens_per_second,
            "licence": self.licence or None,
            "tenants": None if self.tenants is None else sorted(self.tenants),
            "about": self.about or None,
        }
        return {
            "name": self.name,
            "kind": self.kind,
            "model": self.model,
            "abilities": sorted(self.abilities),
            "price_prompt": self.price_prompt,
            "price_completion": self.price_completion,
            **{key: value for key, value in told.items() if value is not None},
        }
