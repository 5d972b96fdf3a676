"""Idempotency-Key: a request that is sent twice is done once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.orm import Session

from rag_router.api.resources import Resources
from rag_router.artefacts import fingerprint_of
from rag_router.store.replies import Reply, once

__all__ = ["Key", "do_once", "fingerprint"]

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Chosen by the client: the same request with the same key is done once, and "
        "answered as it was the first time.",
    ),
]


def fingerprint(request: Request, *parts: str) -> str:
    """Tell a request from every other one, by what it asks for."""
    return fingerprint_of(request.method, request.url.path, *parts)


def do_once(
    resources: Resources,
    tenant: str,
    key: str | None,
    request: str,
    do: Callable[[Session], tuple[int, BaseModel]],
) -> JSONResponse:
    """Do something in a transaction, or answer as when it was done before.

    Args:
        resources: With the database.
        tenant: Whose key it is.
        key: None does it in any case.
        request: The fingerprint.
        do: Does it with a session, and returns status and body.

    Raises:
        UsageError: the key was given to another request before.
    """
    with resources.database.writing() as session:

        def done() -> Reply:
            status, body = do(session)
            return Reply(status, body.model_dump(mode="json"))

        reply = once(session, tenant, key, request, done, now=resources.clock())
    headers: dict[str, Any] = {"Idempotency-Replayed": "true"} if reply.again else {}
    return JSONResponse(reply.body, reply.status, headers=headers)
