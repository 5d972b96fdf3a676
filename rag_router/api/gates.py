"""/v1/gates: how the service tells whether its model knows, and how often that is right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from math import isfinite
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from rag_router.api.problems import PROBLEMS
from rag_router.api.service import Served, Service
from rag_router.artefacts import Card
from rag_router.errors import UnknownNameError
from rag_router.fitted import shipped_cards
from rag_router.gates import GATES
from rag_router.orchestrator import PooledOrchestrator

__all__ = ["router"]

router = APIRouter(tags=["gates"])

_CARD: Final[dict[str, Any]] = {
    "model": "gemma-3-270m",
    "model_fingerprint": "6e2f…",
    "date": "2026-11-22",
    "threshold": 0.37,
    "threshold_goal": "even",
    "metrics": {"auroc": 0.81, "ece": 0.03},
    "notes": {"train": 2500, "held_out": 2500},
}


class FittedCard(BaseModel):
    """What a gate has learned of a model, and its figures on questions that were held out."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CARD]})

    model: str
    model_fingerprint: str
    prompt_hash: str = ""
    data_hash: str = ""
    date: str = ""
    threshold: float | None = None
    threshold_goal: str = ""
    metrics: dict[str, float | None] = {}
    notes: dict[str, Any] = {}


class Gate(BaseModel):
    """A gate. `card` is what it has learned of the model that answers here, if it has."""

    name: str
    summary: str
    in_use: bool
    fitted_for: list[str] = Field(description="Models that it is shipped fitted for.")
    card: FittedCard | None = None


class Gates(BaseModel):
    """All gates, the one in use first."""

    items: list[Gate]


@router.get("/v1/gates", responses=PROBLEMS)
def show_all(service: Served) -> Gates:
    """List the gates that there are, and tell which one decides here."""
    gates = [_shown(name, service) for name in GATES]
    return Gates(items=sorted(gates, key=lambda one: (not one.in_use, one.name)))


@router.get("/v1/gates/{name}", responses=PROBLEMS)
def show(name: str, service: Served) -> Gate:
    """Show one gate."""
    if name not in GATES and name not in GATES.aliases:
        raise UnknownNameError("gate", name, GATES)
    return _shown(GATES.canonical(name), service)


def _shown(name: str, service: Service) -> Gate:
    orchestrator = service.orchestrator
    # Each expert of a pool has a gate fitted for it; which is told with every answer.
    expert = None if isinstance(orchestrator, PooledOrchestrator) else orchestrator.expert
    in_use = GATES.canonical(orchestrator.gate_name) == name
    cards = shipped_cards("gate", name)
    named = service.gate_card() if in_use else None
    fits = (
        card
        for card in cards
        if expert is not None
        and card.model_fingerprint == expert.model.fingerprint
        and card.prompt_hash in ("", expert.style.fingerprint)
    )
    return Gate(
        name=name,
        summary=GATES.summary(name),
        in_use=in_use,
        fitted_for=sorted({card.model for card in cards}),
        card=_card(next(fits, None) if named is None else named),
    )


def _card(card: Card | None) -> FittedCard | None:
    if card is None:
        return None
    said = asdict(card)
    known = {key: said[key] for key in FittedCard.model_fields}
    # JSON knows no NaN, which stands for what could not be measured.
    known["metrics"] = dict(_measured(card.metrics.items()))
    return FittedCard.model_validate(known)


def _measured(figures: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, float | None]]:
    for name, value in figures:
        if isinstance(value, int | float):
            yield name, float(value) if isfinite(value) else None
