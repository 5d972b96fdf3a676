"""Whether the service lives, and whether it is ready."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from rag_router.api.schemas import Health
from rag_router.api.service import Served, Service
from rag_router.errors import BusyError, UnavailableError
from rag_router.indices.following import latest_of

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> Health:
    """Whether the process lives."""
    return Health(status="ok")


@router.get("/health/ready", responses={503: {"model": Health}}, response_model=Health)
def ready(service: Served) -> Any:
    """Whether models and indexes are loaded, and everything else is there.

    An index that cannot be searched, and uploads that are not indexed, are told of and leave the
    service ready: it still answers.
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
    if parts.get("store", "ok") != "ok":
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
