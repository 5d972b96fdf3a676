"""Refusals in the form that whoever asked reads: OpenAI's under its paths, problems elsewhere."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from rag_router.api import problems
from rag_router.api.openai import errors as openai
from rag_router.errors import RagRouterError

__all__ = ["add_refusals", "failed", "refused"]


def refused(exc: RagRouterError, path: str, request_id: str = "") -> JSONResponse:
    """Tell of an error of ours.

    Args:
        exc: What was raised.
        path: Which was asked for.
        request_id: Of the request.
    """
    if openai.speaks_openai(path):
        return openai.refusal_of_error(exc)
    return problems.of_error(exc, request_id)


def failed(path: str, request_id: str) -> JSONResponse:
    """Tell of a bug of ours, and nothing of what it is about."""
    if openai.speaks_openai(path):
        return JSONResponse({"error": openai.FAILURE}, 500)
    told = problems.of_failure(request_id)
    return JSONResponse(told.model_dump(), 500, media_type=problems.MEDIA_TYPE)


def add_refusals(app: FastAPI) -> None:
    """Let every error of an app be answered in the form that whoever asked reads."""

    @app.exception_handler(RagRouterError)
    async def on_our_error(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, RagRouterError)
        return refused(exc, request.url.path, _id_of(request))

    @app.exception_handler(RequestValidationError)
    async def on_bad_request(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, RequestValidationError)
        return _refused_request(exc, request.url.path, _id_of(request))

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, HTTPException)
        return _refused_by_http(exc, request.url.path, _id_of(request))


def _refused_request(exc: RequestValidationError, path: str, request_id: str) -> JSONResponse:
    """Tell of a request that makes no sense."""
    if openai.speaks_openai(path):
        return openai.refusal_of_request(exc)
    first = exc.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    told = f"{where}: {first['msg']}"
    return problems.problem(422, told, problems.SEE_DOCS, request_id=request_id)


def _refused_by_http(exc: HTTPException, path: str, request_id: str) -> JSONResponse:
    """Tell of what was refused before an endpoint heard of it: no such path, no such method."""
    if openai.speaks_openai(path):
        return openai.refusal(exc)
    told = problems.problem(
        exc.status_code, f"{exc.detail}.", problems.SEE_DOCS, request_id=request_id
    )
    told.headers.update(exc.headers or {})
    return told


def _id_of(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))
