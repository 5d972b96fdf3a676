"""Every request that reads or changes what is a tenant's becomes a line of the audit log.

Lines are made of what every request has: the template of its path says what was done, the ids in
the path, and the one that was made, to what. So no endpoint is left out, the ones that come later
included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_router.api.guards.audit_log import AuditLog
from rag_router.api.principal import principal_in
from rag_router.store.audit import AuditEntry, Outcome

__all__ = ["AuditTrail", "made", "shown"]

_AUDITED: Final = "/v1/"
_DENIED: Final = frozenset({401, 403})
_LIMITED: Final = frozenset({413, 429})
_MADE: Final = "audit_made"
_WORDS: Final = "audit_words"


class AuditTrail:
    """An ASGI application around another one; it must see what others refuse.

    Args:
        app: The other one.
        log: Where lines go.
        clock: Seconds since 1970.
    """

    def __init__(self, app: ASGIApp, log: AuditLog, clock: Callable[[], float]) -> None:
        self._app, self._log, self._clock = app, log, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_AUDITED):
            await self._app(scope, receive, send)
            return
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            status = status or 500
            raise
        finally:
            self._log.note(self._entry(scope, status))

    def _entry(self, scope: Scope, status: int) -> AuditEntry:
        state = scope.get("state", {})
        # Who sent a wrong key is nobody's, and nobody in particular.
        known = "principal" in state or status != 401
        who = principal_in(scope)
        words: dict[str, Any] = dict(state.get(_WORDS) or {})
        if who.user:
            words["user"] = who.user
        return AuditEntry(
            at=self._clock(),
            tenant=who.tenant if known else "",
            key=who.key_id,
            action=f"{scope['method']} {getattr(scope.get('route'), 'path', '-')}",
            target=" ".join([*_ids_of(scope), *state.get(_MADE, ())]),
            outcome=_outcome(status),
            status=status,
            request=str(state.get("request_id", "")),
            words=words or None,
        )


def made(request: Request, *ids: str) -> None:
    """Say what a request has made, or brought about: ids of ours, or names of collections."""
    request.scope.setdefault("state", {})[_MADE] = ids


def shown(request: Request, answers: Sequence[Mapping[str, Any]]) -> None:
    """Say which answers were given.

    Args:
        request: That asked.
        answers: The `trace` of each, and of their words those that may be written down.
    """
    made(request, *[str(one["trace"]) for one in answers if "trace" in one])
    if any("question" in one for one in answers):
        request.scope["state"][_WORDS] = {"answers": list(answers)}


def _ids_of(scope: Scope) -> list[str]:
    return [str(value) for value in scope.get("path_params", {}).values()]


def _outcome(status: int) -> Outcome:
    if not status:
        return "broken"
    if status in _DENIED:
        return "denied"
    if status in _LIMITED:
        return "limited"
    if status >= 500:
        return "failed"
    return "refused" if status >= 400 else "done"
