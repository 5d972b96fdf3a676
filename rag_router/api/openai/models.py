"""GET /v1/models: what the service goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request

from rag_router.api.openai.errors import OpenAIRoute
from rag_router.api.openai.names import variants, wanted_of
from rag_router.api.openai.serving import STARTED, expert_names, settings_of
from rag_router.api.places import within_of
from rag_router.api.service import Served, Tenant
from rag_router.errors import UnknownNameError
from rag_router.indices.following import latest_of

__all__ = ["router"]

router = APIRouter(tags=["openai"], route_class=OpenAIRoute)


@router.get("/v1/models")
def models(request: Request, service: Served, tenant: Tenant) -> dict[str, Any]:
    """List what can be chosen as a model; experts and indexes are among it where there are some."""
    orchestrator = service.orchestrator
    indexes = sorted(latest_of(orchestrator.indices, within_of(service, tenant)).indices)
    experts = expert_names(orchestrator, request)
    names = variants(settings_of(request).model, experts, indexes)
    return {"object": "list", "data": [_model(name) for name in names]}


@router.get("/v1/models/{name:path}")
def model(name: str, request: Request, service: Served, tenant: Tenant) -> dict[str, Any]:
    """Tell of one model; any combination of what a name may say is one, and so is the embedder."""
    orchestrator = service.orchestrator
    embedder = orchestrator.embedder
    if embedder is None or name != embedder.name:
        wanted = wanted_of(
            name, service=settings_of(request).model, experts=expert_names(orchestrator, request)
        )
        within = within_of(service, tenant, wanted.indexes)
        indexes = latest_of(orchestrator.indices).indices if within is None else within
        for index in wanted.indexes or ():
            if index not in indexes:
                raise UnknownNameError("model", name, indexes)
    return dict(_model(name))


def _model(name: str) -> Mapping[str, Any]:
    return {"id": name, "object": "model", "created": STARTED, "owned_by": "rag-router"}
