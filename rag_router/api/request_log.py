"""Every request by its id: taken from the client or made, sent back, and logged in one line.

A line is a JSON object. It holds the path and never a question, a name or a key.
"""

from __future__ import annotations

import re
import time
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_router import telemetry
from rag_router.api.refusing import failed
from rag_router.telemetry import log_access, logger

__all__ = ["RequestLog"]

_HEADER: Final = "X-Request-Id"
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestLog:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(Headers(scope=scope))
        known = {"http.request.method": scope["method"]}
        with telemetry.span(scope["method"], known, headers=headers) as note:
            await self._served(scope, receive, send, note)

    async def _served(
        self, scope: Scope, receive: Receive, send: Send, note: telemetry.Note
    ) -> None:
        given = Headers(scope=scope).get(_HEADER, "")
        id_ = given if _ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = id_
        begun, status, size = time.perf_counter(), 0, 0

        async def noting(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[_HEADER] = id_
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:  # a bug of ours; the client hears of it, too
            if status:
                raise
            logger.exception("request %s failed", id_)
            await failed(scope["path"], id_)(scope, receive, noting)
        finally:
            # What stands in a path may be anybody's words; the template is ours.
            route = getattr(scope.get("route"), "path", "-")
            ms = (time.perf_counter() - begun) * 1000
            note({"http.route": route, "http.response.status_code": status})
            telemetry.count(telemetry.REQUESTS, route=route, status=str(status))
            telemetry.time_of(telemetry.REQUEST, ms, route=route)
            log_access(
                method=scope["method"],
                path=route,
                status=status,
                ms=round(ms, 2),
                bytes=size,
                request_id=id_,
            )
