"""What each request needs of a key, in one table; what does not stand there is for admins."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fastapi import Request

from rag_router.api.principal import principal_of
from rag_router.errors import ForbiddenError
from rag_router.store.keys import Scope

__all__ = ["WANTED", "require_scope", "scope_of"]

_ANSWERED: Final[tuple[str, ...]] = (
    "POST /v1/answer",
    "POST /v1/chat/completions",
    "POST /v1/embeddings",
    "GET /v1/models",
    "GET /v1/models/{name:path}",
    "GET /v1/experts",
    "GET /v1/experts/{name}",
    "GET /v1/gates",
    "GET /v1/gates/{name}",
)
_READ: Final[tuple[str, ...]] = (
    "POST /v1/search",
    "GET /v1/collections",
    "GET /v1/collections/{name}",
    "GET /v1/documents",
    "GET /v1/documents/{id}",
    "GET /v1/jobs",
    "GET /v1/jobs/{id}",
    "GET /v1/traces",
    "GET /v1/traces/{id}",
    "GET /v1/feedback",
    "GET /v1/gates/{name}/records",
)
_WRITTEN: Final[tuple[str, ...]] = (
    "POST /v1/collections",
    "DELETE /v1/collections/{name}",
    "POST /v1/documents",
    "PUT /v1/documents/{id}",
    "DELETE /v1/documents/{id}",
    "DELETE /v1/traces/{id}",
)
_TO_ALL: Final[tuple[str, ...]] = (
    "GET /",
    "GET /page/{name}",
    "GET /health/live",
    "GET /health/ready",
)

_TABLE: Final[dict[Scope | None, tuple[str, ...]]] = {
    "answer": _ANSWERED,
    "read": _READ,
    "write": _WRITTEN,
    "feedback": ("POST /v1/feedback",),
    "metrics": ("GET /metrics",),
    None: _TO_ALL,
}

WANTED: Final[Mapping[str, Scope | None]] = MappingProxyType(
    {request: scope for scope, requests in _TABLE.items() for request in requests}
)
"""By method and template of the path; None is everybody's, without a key."""


def scope_of(method: str, template: str) -> Scope | None:
    """Return what a request needs; None is nothing."""
    return WANTED.get(f"{'GET' if method == 'HEAD' else method} {template}", "admin")


async def require_scope(request: Request) -> None:
    """Refuse what the key may not do; a dependency of every endpoint.

    Raises:
        ForbiddenError: it lacks the scope, and which.
    """
    wanted = scope_of(request.method, getattr(request.scope.get("route"), "path", ""))
    who = principal_of(request)
    if wanted is not None and not who.may(wanted):
        raise ForbiddenError(
            f"this needs a key with the scope {wanted!r}.",
            hint=f"This one has {', '.join(sorted(who.scopes)) or 'none'}. Ask whoever made it.",
        )
