"""The HTTP service, put together of one file a resource.

Models take one batch at a time, in a worker thread, so that health checks answer at once while a
question is being thought about.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from rag_router import __version__, telemetry
from rag_router.api import (
    answer,
    collections,
    documents,
    experts,
    feedback,
    gates,
    health,
    jobs,
    metrics,
    openai,
    page,
    search,
    traces,
)
from rag_router.api.bearer import BearerKey
from rag_router.api.body_limit import BodyLimit
from rag_router.api.problems import add_problem_handlers
from rag_router.api.request_log import RequestLog
from rag_router.api.resources import Resources
from rag_router.api.service import Answers, Service
from rag_router.models.remote_keys import Key
from rag_router.settings import LimitSettings, OpenAISettings

__all__ = ["create_app"]

_ALWAYS: Final = (answer, openai, experts, gates, health, metrics, search, page)
_KEEPING: Final = (collections, documents, jobs, traces, feedback)
"""What only a service has that keeps something."""


def create_app(
    load: Callable[[], Answers],
    limits: LimitSettings | None = None,
    *,
    resources: Resources | None = None,
    speaks: OpenAISettings | None = None,
    key: Key | None = None,
) -> FastAPI:
    """Make the service.

    Args:
        load: Returns the orchestrator; called once, in a worker thread, when the service starts,
            and `/health/live` answers while models load. If it fails, that is logged, and every
            question is answered with what went wrong.
        limits: What is refused.
        resources: What is kept, which is closed with the service; None keeps nothing, and there
            are answers alone.
        speaks: How it speaks to clients of OpenAI's interface.
        key: What callers must send; None lets everybody call.
    """
    limits = limits or LimitSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service: Service = app.state.service
        telemetry.listen(app.state.metrics)
        await service.start()
        yield
        await service.stop()
        telemetry.unlisten(app.state.metrics)

    app = FastAPI(
        title="rag_router",
        version=__version__,
        summary="Question answering that knows when its language model knows.",
        lifespan=lifespan,
    )
    app.state.service = service = Service(load, limits, resources)
    app.state.metrics = metrics.Metrics(lambda: service.waiting)
    app.state.openai = speaks or OpenAISettings()
    for part in _ALWAYS if resources is None else (*_ALWAYS, *_KEEPING):
        app.include_router(part.router)
    add_problem_handlers(app)
    # What is added last is the first to see a request.
    app.add_middleware(BodyLimit, most=_most_bytes(limits, resources))
    if key is not None:
        app.add_middleware(BearerKey, key=key)
    app.add_middleware(RequestLog)
    return app


def _most_bytes(limits: LimitSettings, resources: Resources | None) -> Callable[[str], int]:
    """Return how many bytes a request to a path may have: files may be larger."""
    usual = limits.request_mb * 2**20
    file = 0 if resources is None else resources.settings.documents.file_mb * 2**20
    return lambda path: usual + (file if path.startswith("/v1/documents") else 0)
