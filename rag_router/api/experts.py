"""/v1/experts: who answers."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from rag_router.api.problems import PROBLEMS
from rag_router.api.service import Answers, Served, Service, Tenant
from rag_router.decoders.knob import has_knob
from rag_router.errors import UnknownNameError
from rag_router.experts.pool import State
from rag_router.orchestrator import PooledOrchestrator, roster

__all__ = ["router"]

router = APIRouter(tags=["experts"])

_EXAMPLE: Final[dict[str, Any]] = {
    "name": "gemma-3-270m",
    "kind": "local",
    "model": "gemma-3-270m",
    "abilities": ["hidden_states", "logits", "streams"],
    "context_tokens": 32768,
    "parameters": 268098176,
    "price_prompt": 0.0,
    "price_completion": 0.0,
    "licence": "",
    "about": "",
    "reliance": False,
}


class Expert(BaseModel):
    """A model that answers, and what is known of it; prices are of a million tokens."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: str
    kind: str
    model: str
    abilities: list[str]
    context_tokens: int = 0
    parameters: int = 0
    price_prompt: float = 0.0
    price_completion: float = 0.0
    tokens_per_second: float | None = Field(None, description="Null where nobody measured it.")
    licence: str = ""
    about: str = ""
    reliance: bool = Field(False, description="Whether a request may set its reliance on memory.")
    state: State = Field("loaded", description="Those that are not loaded are when they are asked.")
    why: str = Field("", description="What went wrong, where the last load failed.")


class Experts(BaseModel):
    """All experts."""

    items: list[Expert]


@router.get("/v1/experts", responses=PROBLEMS)
def show_all(service: Served, tenant: Tenant) -> Experts:
    """List the experts that may answer."""
    return Experts(items=_experts(service, tenant))


@router.get("/v1/experts/{name}", responses=PROBLEMS)
def show(name: str, service: Served, tenant: Tenant) -> Expert:
    """Show one expert."""
    experts = {one.name: one for one in _experts(service, tenant)}
    if name not in experts:
        raise UnknownNameError("expert", name, experts)
    return experts[name]


def _experts(service: Service, tenant: str) -> list[Expert]:
    answers = service.orchestrator
    return [
        Expert.model_validate(one.to_json() | {"reliance": _has_knob(answers, one.card.name)})
        for one in roster(answers, tenant)
    ]


def _has_knob(answers: Answers, expert: str) -> bool:
    if isinstance(answers, PooledOrchestrator):
        return expert not in answers.without_knob
    return has_knob(answers.decoder)
