"""Requests are counted before an endpoint hears of them, and every response says what is left.

What stands in the fields `RateLimit-Policy` and `RateLimit` is as the IETF's draft on them has it
(draft-ietf-httpapi-ratelimit-headers-08 and later): a list of policies by name, each with its quota
`q`, its window `w` in seconds and its unit `qu`; and of each what remains, `r`, and in how many
seconds all of it is there again, `t`.
"""

from __future__ import annotations

from collections.abc import Iterable

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_router.api.guards.quotas import Quotas, Standing
from rag_router.api.principal import principal_in
from rag_router.api.refusing import refused
from rag_router.errors import QuotaError

__all__ = ["COUNTED", "RateLimits", "limit_fields"]

COUNTED = "/v1/"
"""What paths begin with that are counted: not health, figures and the page."""


class RateLimits:
    """An ASGI application around another one; who asks must be known already.

    Args:
        app: The other one.
        quotas: Who counts.
    """

    def __init__(self, app: ASGIApp, quotas: Quotas) -> None:
        self._app, self._quotas = app, quotas

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(COUNTED):
            await self._app(scope, receive, send)
            return
        tenant, quotas = principal_in(scope).tenant, self._quotas
        scope.setdefault("state", {})["arrived"] = quotas.clock()
        if not quotas.rates_of(tenant).any:
            await self._app(scope, receive, send)
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(limit_fields(quotas.standings(tenant)))
            await send(message)

        if not quotas.knows(tenant):
            await run_in_threadpool(quotas.tell, tenant)
        try:
            quotas.take(tenant)
        except QuotaError as exc:
            id_ = str(scope.get("state", {}).get("request_id", ""))
            await refused(exc, scope["path"], id_)(scope, receive, telling)
            return
        await self._app(scope, receive, telling)


def limit_fields(standings: Iterable[Standing]) -> dict[str, str]:
    """Return the fields that say how limits stand."""
    policies, left = [], []
    for one in standings:
        name = f'"{one.unit}-{one.window}"'
        unit = "" if one.unit == "requests" else f';qu="{one.unit}"'
        policies.append(f"{name};q={one.limit};w={one.window_s}{unit}")
        left.append(f"{name};r={one.left};t={one.resets_s}")
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}
