"""What went wrong, told to clients as problems after RFC 9457."""

from __future__ import annotations

import math
import re
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi.responses import JSONResponse

from rag_router.api.schemas import Problem
from rag_router.errors import (
    ConflictError,
    DataError,
    ForbiddenError,
    OverloadedError,
    QuotaError,
    RagRouterError,
    TooLargeError,
    UnknownKindError,
    UnknownNameError,
    UsageError,
)

__all__ = [
    "MEDIA_TYPE",
    "PROBLEMS",
    "SEE_DOCS",
    "kind_of",
    "of_error",
    "of_failure",
    "problem",
    "retry_after",
    "status_of",
    "told_of",
]

MEDIA_TYPE: Final = "application/problem+json"
SEE_DOCS: Final = "See /docs for what there is, and what it takes."

_STATUS: Final[tuple[tuple[type[RagRouterError], int], ...]] = (
    (UnknownNameError, 404),
    (ConflictError, 409),
    (ForbiddenError, 403),
    (TooLargeError, 413),
    (UnknownKindError, 415),
    (QuotaError, 429),
    (UsageError, 422),
    (DataError, 422),
)
"""What errors are answered with; the first that fits counts, and everything else is 503."""

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": Problem, "description": text, "content": {MEDIA_TYPE: {}}}
    for code, text in (
        (400, "The request is broken"),
        (401, "The key is missing or wrong"),
        (403, "The key may not do this"),
        (404, "Nothing goes by that name"),
        (409, "Something of that name is there already"),
        (413, "More than is taken at once"),
        (415, "Nothing of that kind is read"),
        (422, "The request makes no sense"),
        (429, "More than the tenant may have of a minute or a day"),
        (503, "Not ready, or a model, index or database is not to be had"),
    )
}
"""The problems that endpoints answer with, for the OpenAPI page."""


def told_of(
    status: int,
    detail: str,
    hint: str,
    *,
    retryable: bool = False,
    kind: str = "about:blank",
    request_id: str = "",
) -> Problem:
    """Say what was seen and what would work.

    Args:
        status: Of HTTP.
        detail: What was seen.
        hint: What would work.
        retryable: Whether the same request may succeed later.
        kind: A URI that tells this problem from others of the same status.
        request_id: Of the request; a line of the log goes by the same.
    """
    titles = {404: "Not found", 422: "Unprocessable request", 503: "Unavailable"}
    return Problem(
        type=kind,
        title=titles.get(status) or HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        hint=hint,
        instance=f"urn:rag-router:request:{quote(request_id, safe=':')}" if request_id else None,
        retryable=retryable,
    )


def problem(
    status: int, detail: str, hint: str, *, retry_after: str = "2", **more: Any
) -> JSONResponse:
    """Answer with a problem, as `told_of` says it; what may be tried again says when."""
    told = told_of(status, detail, hint, **more)
    headers = {"Retry-After": retry_after} if told.retryable else None
    return JSONResponse(told.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)


def of_error(exc: RagRouterError, request_id: str = "") -> JSONResponse:
    """Tell of an error of ours."""
    return problem(
        status_of(exc),
        exc.message,
        exc.hint,
        retryable=exc.retryable,
        kind=kind_of(exc),
        request_id=request_id,
        retry_after=retry_after(exc),
    )


def retry_after(exc: RagRouterError) -> str:
    """Return after how many whole seconds the same request may succeed."""
    return str(math.ceil(exc.retry_after_s)) if isinstance(exc, OverloadedError) else "2"


def status_of(exc: RagRouterError) -> int:
    """The HTTP status that an error of ours is answered with."""
    return next((status for kind, status in _STATUS if isinstance(exc, kind)), 503)


def of_failure(request_id: str) -> Problem:
    """Tell of a bug of ours, and nothing of what it is about."""
    return told_of(
        500,
        "something went wrong inside the service.",
        "Whoever runs it finds the reason in its log, by the id of this request.",
        request_id=request_id,
    )


def kind_of(exc: RagRouterError) -> str:
    """The URI that tells an error from others: UnknownNameError's ends in `unknown-name`."""
    words = re.findall("[A-Z][a-z]*", type(exc).__name__.removesuffix("Error"))
    return f"urn:rag-router:problem:{'-'.join(words).lower()}"
