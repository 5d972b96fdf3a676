"""What went wrong, told as OpenAI's clients expect it: `{"error": {"message": ...}}`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from rag_router.api.problems import retry_after, status_of
from rag_router.errors import ForbiddenError, RagRouterError, UnknownNameError

__all__ = [
    "FAILURE",
    "OpenAIRoute",
    "error_of",
    "refusal",
    "refusal_of_error",
    "refusal_of_request",
    "speaks_openai",
]

_PATHS: Final = (
    "/v1/chat/",
    "/v1/models",
    "/v1/embeddings",
    # Nothing is there; only clients of this interface would ask for it.
    "/v1/completions",
    "/v1/responses",
)

FAILURE: Final[dict[str, Any]] = {
    "message": "something went wrong inside the service. Whoever runs it finds the reason in its "
    "log, by the id of this request.",
    "type": "server_error",
    "param": None,
    "code": "internal_error",
}
"""The `error` member for a bug of ours."""

_SENSELESS: Final = frozenset({409, 415, 422})
_TOO_MANY: Final = 429

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class OpenAIRoute(APIRoute):
    """A route whose errors are OpenAI's."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except RagRouterError as exc:
                return refusal_of_error(exc)
            except RequestValidationError as exc:
                return refusal_of_request(exc)
            except HTTPException as exc:
                return refusal(exc)

        return handler


def speaks_openai(path: str) -> bool:
    """Whether whoever asks for a path expects OpenAI's errors, even where there is no endpoint."""
    return path.startswith(_PATHS)


def refusal_of_error(exc: RagRouterError) -> JSONResponse:
    """Tell of an error of ours; what may be tried again says when."""
    headers = {"Retry-After": retry_after(exc)} if exc.retryable else None
    return JSONResponse({"error": error_of(exc)}, _status(exc), headers=headers)


def refusal_of_request(exc: RequestValidationError) -> JSONResponse:
    """Tell of a request that makes no sense."""
    first = exc.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    error = _error(f"{where}: {first['msg']}" if where else str(first["msg"]), where)
    return JSONResponse({"error": error}, 400)


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
    if isinstance(exc, ForbiddenError):
        return _error(str(exc), kind="permission_error", code="insufficient_scope")
    if status == _TOO_MANY:
        return _error(str(exc), kind="rate_limit_error", code="rate_limit_exceeded")
    if status < 500:
        return _error(str(exc))
    return _error(str(exc), kind="server_error", code="unavailable")


def _status(exc: RagRouterError) -> int:
    # Of what makes no sense, this interface knows no finer kinds.
    status = status_of(exc)
    return 400 if status in _SENSELESS else status


def _error(
    message: str,
    param: str | None = None,
    *,
    kind: str = "invalid_request_error",
    code: str | None = None,
) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": param or None, "code": code}
