"""The HTTP service: POST /v1/answer, and whether it lives and is ready.

Models take one batch at a time, in a worker thread, so that health checks answer at once while a
question is being thought about. Errors are problems after RFC 9457.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from rag_router import __version__
from rag_router.api.schemas import AnswerRequest, AnswerResponse, Health, Problem
from rag_router.errors import (
    BusyError,
    DataError,
    QuestionError,
    RagRouterError,
    UnknownNameError,
    UsageError,
)
from rag_router.indices.where import Where
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.settings import LimitSettings
from rag_router.telemetry import logger

__all__ = ["create_app"]

_PROBLEM = "application/problem+json"


def create_app(load: Callable[[], Orchestrator], limits: LimitSettings | None = None) -> FastAPI:
    """Make the service.

    Args:
        load: Returns the orchestrator; called once, in a worker thread, when the service starts,
            and `/health/live` answers while models load. If it fails, that is logged, and every
            question is answered with what went wrong.
        limits: What is refused.
    """
    limits = limits or LimitSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Not awaited: servers answer nothing at all before the lifespan has yielded.
        loading = app.state.loading = asyncio.create_task(_in_background(load))
        yield
        app.state.loading = None
        loading.cancel()
        await asyncio.wait([loading])

    app = FastAPI(
        title="rag_router",
        version=__version__,
        summary="Question answering that knows when its language model knows.",
        lifespan=lifespan,
    )
    app.state.loading = None
    problems: dict[int | str, dict[str, Any]] = {
        code: {"model": Problem, "description": text}
        for code, text in (
            (404, "No index goes by that name"),
            (422, "The request makes no sense"),
            (503, "Not ready, or a model or index is not to be had"),
        )
    }

    @app.post("/v1/answer", responses=problems, tags=["answers"])
    async def answer(request: AnswerRequest) -> AnswerResponse:
        """Answer one question or many, each with its sources and the reason for every decision."""
        orchestrator = _loaded(app)
        questions = _questions(request, limits)
        ask = Ask(
            retrieval=request.retrieval,
            indexes=None if request.indexes is None else tuple(request.indexes),
            where=None if request.where is None else Where.of(request.where),
            tokens=request.tokens,
            reliance=request.reliance,
        )
        answers = await run_in_threadpool(orchestrator.answer, questions, ask)
        return AnswerResponse(answers=[one.to_json() for one in answers])

    @app.get("/health/live", tags=["health"])
    async def live() -> Health:
        """Whether the process lives."""
        return Health(status="ok")

    @app.get("/health/ready", responses={503: {"model": Health}}, tags=["health"])
    async def ready() -> Any:
        """Whether models and indexes are loaded."""
        try:
            _loaded(app)
        except BusyError:
            return JSONResponse({"status": "starting"}, status_code=503)
        return Health(status="ok")

    @app.exception_handler(RagRouterError)
    async def on_our_error(_: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, RagRouterError)
        return _problem(_status(exc), exc.message, exc.hint, retryable=exc.retryable)

    @app.exception_handler(RequestValidationError)
    async def on_bad_request(_: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, RequestValidationError)
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _problem(422, f"{where}: {first['msg']}", "See /docs for what the request takes.")

    @app.exception_handler(HTTPException)
    async def on_http_error(_: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, HTTPException)
        problem = _problem(exc.status_code, f"{exc.detail}.", "See /docs for what there is.")
        problem.headers.update(exc.headers or {})
        return problem

    return app


async def _in_background(load: Callable[[], Orchestrator]) -> Orchestrator:
    try:
        return await run_in_threadpool(load)
    except RagRouterError as exc:
        logger.error("loading failed: %s", exc)
        raise


def _loaded(app: FastAPI) -> Orchestrator:
    """Return the orchestrator, or raise whatever loading it raised."""
    loading: asyncio.Task[Orchestrator] | None = app.state.loading
    if loading is None or not loading.done():
        raise BusyError("the models are still being loaded.", hint="Try again in a moment.")
    return loading.result()


def _questions(request: AnswerRequest, limits: LimitSettings) -> list[str]:
    if (request.question is None) == (request.questions is None):
        raise UsageError("give either `question` or `questions`.")
    questions = [request.question] if request.question is not None else request.questions or []
    if not questions:
        raise QuestionError("`questions` is empty.", hint="Give at least one question.")
    if len(questions) > limits.questions_per_request:
        raise QuestionError(
            f"{len(questions)} questions are too many for one request.",
            hint=f"At most {limits.questions_per_request} are taken.",
        )
    return questions


def _status(exc: RagRouterError) -> int:
    if isinstance(exc, UnknownNameError):
        return 404
    if isinstance(exc, UsageError | DataError):
        return 422
    return 503


def _problem(status: int, detail: str, hint: str, *, retryable: bool = False) -> JSONResponse:
    titles = {404: "Not found", 422: "Unprocessable request", 503: "Unavailable"}
    title = titles.get(status) or HTTPStatus(status).phrase
    problem = Problem(title=title, status=status, detail=detail, hint=hint, retryable=retryable)
    headers = {"Retry-After": "2"} if retryable else None
    return JSONResponse(problem.model_dump(), status, headers=headers, media_type=_PROBLEM)
