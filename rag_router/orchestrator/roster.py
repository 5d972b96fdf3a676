"""Who answers: the experts of a service, whether it is a pool of them or one alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rag_router.experts.card import Card
from rag_router.experts.pool import State
from rag_router.orchestrator.orchestrator import Orchestrator
from rag_router.orchestrator.pooled import PooledOrchestrator

__all__ = ["Listed", "roster"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An expert, how it stands with it, and why its last load failed where it did."""

    card: Card
    state: State = "loaded"
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the card's plain form with the state."""
        return {**self.card.to_json(), "state": self.state} | (
            {"why": self.why} if self.why else {}
        )


def roster(service: Orchestrator | PooledOrchestrator, tenant: str | None = None) -> list[Listed]:
    """List the experts that a tenant may ask, in the order of the settings.

    Args:
        service: Who answers.
        tenant: Who asks; None is nobody in particular.
    """
    if isinstance(service, PooledOrchestrator):
        states = service.pool.states()
        return [
            Listed(card=card, state=states[card.name][0], why=states[card.name][1])
            for card in service.pool.cards
            if card.open_to(tenant)
        ]
    model = service.expert.model
    remote = "logits" not in model.abilities
    card = Card(
        name=service.expert.name,
        kind="remote" if remote else "local",
        model=model.name,
        abilities=model.abilities,
        context_tokens=model.context_tokens,
        parameters=0 if remote else model.parameters,
    )
    return [Listed(card=card)]
