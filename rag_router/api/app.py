"""The HTTP service, put together of one file a resource.

Models take one batch at a time, in a worker thread, so that health checks answer at once while a
question is being thought about.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from fastapi import Depends, FastAPI
from fastapi.concurrency import run_in_threadpool

from rag_router import __version__, telemetry
from rag_router.api import (
    answer,
    audit,
    collections,
    documents,
    erasures,
    experts,
    feedback,
    gate_records,
    gates,
    health,
    jobs,
    keys,
    metrics,
    page,
    search,
    traces,
)
from rag_router.api.bearer import BearerKeys
from rag_router.api.body_limit import BodyLimit
from rag_router.api.guards.audit_trail import AuditTrail
from rag_router.api.guards.guards import Guards
from rag_router.api.guards.rate_limits import RateLimits
from rag_router.api.keyring import Keyring
from rag_router.api.openai import routes as openai
from rag_router.api.refusing import add_refusals
from rag_router.api.request_log import RequestLog
from rag_router.api.resources import Resources
from rag_router.api.scopes import require_scope
from rag_router.api.service import Answers, Service
from rag_router.models.remote_keys import Key
from rag_router.settings import LimitSettings, OpenAISettings

__all__ = ["create_app"]

_ALWAYS: Final = (answer, openai, experts, gates, gate_records, health, metrics, search, page)
_KEEPING: Final = (collections, documents, jobs, traces, feedback, audit, erasures, keys)
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
        key: One that may do everything. Where there is none, and none was ever made, everybody
            may call.
    """
    limits = limits or LimitSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service: Service = app.state.service
        telemetry.listen(app.state.metrics)
        await service.start()
        guards.start()
        yield
        # While the database is still there.
        await run_in_threadpool(guards.stop)
        await run_in_threadpool(keyring.note)
        await service.stop()
        telemetry.unlisten(app.state.metrics)

    app = FastAPI(
        title="rag_router",
        version=__version__,
        summary="Question answering that knows when its language model knows.",
        lifespan=lifespan,
        dependencies=[Depends(require_scope)],
    )
    app.state.keyring = keyring = _keyring(key, resources)
    app.state.service = service = Service(load, limits, resources)
    app.state.guards = guards = Guards(limits, resources)
    app.state.metrics = metrics.Metrics(lambda: service.waiting)
    app.state.openai = speaks or OpenAISettings()
    for part in _ALWAYS if resources is None else (*_ALWAYS, *_KEEPING):
        app.include_router(part.router)
    add_refusals(app)
    # What is added last is the first to see a request.
    app.add_middleware(BodyLimit, most=guards.most)
    app.add_middleware(RateLimits, quotas=guards.quotas)
    app.add_middleware(BearerKeys, keyring=keyring)
    if resources is not None and guards.audit is not None:
        app.add_middleware(AuditTrail, log=guards.audit, clock=resources.clock)
    app.add_middleware(RequestLog)
    return app


def _keyring(key: Key | None, resources: Resources | None) -> Keyring:
    if resources is None:
        return Keyring(key)
    return Keyring(key, resources.database, resources.secret, resources.clock)
