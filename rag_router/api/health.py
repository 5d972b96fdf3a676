"""Whether the service lives, and whether it is ready."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from rag_router.api.schemas import Health
from rag_router.api.service import Served, Service
from rag_router.errors import BusyError, UnavailableError
from rag_router.indices.following import latest_of

__all__ = ["router"]

router = APIRouter(tags=["health"])

_IN_TROUBLE: Final = "in trouble; `rag-router doctor` says more"


@router.get("/health/live")
async def live(service: Served) -> Health:
    """Whether the process lives; of its models only whether they are still being loaded."""
    return Health(status="ok", parts={"models": "starting"} if service.starting else {})


@router.get("/health/ready", responses={503: {"model": Health}}, response_model=Health)
def ready(request: Request, service: Served) -> Any:
    """Whether models and indexes are loaded, and everything else is there.

    An index that cannot be searched, and uploads that are not indexed, are told of and leave the
    service ready: it still answers. Which they are is not said where callers need a key: this is
    told to everybody.
    """
    parts = _kept(service)
    try:
        orchestrator = service.orchestrator
    except BusyError:
        health = Health(status="starting", parts={"models": "starting"} | parts)
        return JSONResponse(health.model_dump(), status_code=503)
    if service.draining:
        health = Health(status="draining", parts=parts)
        return JSONResponse(health.model_dump(), status_code=503)
    notes = latest_of(orchestrator.indices).notes
    parts = {"models": "ok", "indexes": "; ".join(notes) or "ok"} | parts
    stored = parts.get("store", "ok") == "ok"
    if request.app.state.keyring.locked():
        parts = {part: said if said == "ok" else _IN_TROUBLE for part, said in parts.items()}
    if not stored:
        health = Health(status="unavailable", parts=parts)
        return JSONResponse(health.model_dump(), status_code=503)
    return Health(status="ok", parts=parts)


def _kept(service: Service) -> dict[str, str]:
    if not service.keeps:
        return {}
    try:
        service.resources.database.check()
    except UnavailableError as exc:
        return {"store": exc.message}
    return {"store": "ok", "ingestion": service.trouble or "ok"}
