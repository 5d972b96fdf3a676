"""What went wrong, told as OpenAI's clients expect it: `{"error": {"message": ...}}`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from rag_router.api.problems import retry_after
from rag_router.errors import DataError, RagRouterError, UnknownNameError, UsageError

__all__ = ["OpenAIRoute", "error_of", "refusal", "speaks_openai"]

_PATHS: Final = ("/v1/chat/", "/v1/models", "/v1/embeddings")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class OpenAIRoute(APIRoute):
    """A route whose errors are OpenAI's."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except RagRouterError as exc:
                headers = {"Retry-After": retry_after(exc)} if exc.retryable else None
                return JSONResponse({"error": error_of(exc)}, _status(exc), headers=headers)
            except RequestValidationError as exc:
                first = exc.errors()[0]
                where = ".".join(str(part) for part in first["loc"] if part != "body")
                error = _error(f"{where}: {first['msg']}" if where else str(first["msg"]), where)
                return JSONResponse({"error": error}, 400)
            except HTTPException as exc:
                return refusal(exc)

        return handler


def speaks_openai(path: str) -> bool:
    """Whether whoever asks for a path expects OpenAI's errors, even where there is no endpoint."""
    return path.startswith(_PATHS)


def refusal(exc: HTTPException) -> JSONResponse:
    """Tell of what was refused before an endpoint heard of it."""
    kind = "authentication_error" if exc.status_code == 401 else "invalid_request_error"
    return JSONResponse(
        {"error": _error(f"{exc.detail}.", kind=kind)}, exc.status_code, headers=exc.headers
    )


def error_of(exc: RagRouterError) -> dict[str, Any]:
    """Return the `error` member for an error of ours."""
    status = _status(exc)
    if isinstance(exc, UnknownNameError):
        param = "model" if exc.kind in {"model", "expert"} else None
        code = "model_not_found" if param else f"{exc.kind}_not_found"
        return _error(str(exc), param, code=code)
    if status < 500:
        return _error(str(exc))
    return _error(str(exc), kind="server_error", code="unavailable")


def _status(exc: RagRouterError) -> int:
    if isinstance(exc, UnknownNameError):
        return 404
    return 400 if isinstance(exc, UsageError | DataError) else 503


def _error(
    message: str,
    param: str | None = None,
    *,
    kind: str = "invalid_request_error",
    code: str | None = None,
) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": param or None, "code": code}
