"""Requests that are too large are refused before they are read, or as soon as they show it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_router.api.problems import of_error
from rag_router.errors import TooLargeError

__all__ = ["BodyLimit"]


class BodyLimit:
    """An ASGI application around another one.

    Args:
        app: The other one.
        most: Returns for a path how many bytes a request may have.
    """

    def __init__(self, app: ASGIApp, most: Callable[[str], int]) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._most(scope["path"])
        refusal = of_error(
            TooLargeError(
                f"the request is larger than {most / 2**20:g} MiB.", hint="Send less at once."
            ),
            scope.get("state", {}).get("request_id", ""),
        )
        length = Headers(scope=scope).get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > most:
            await refusal(scope, receive, send)
            return
        seen, refused = 0, False

        async def counting() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            # What is too large ends here: whoever parses it finds it cut short.
            return message if seen <= most else {"type": "http.request", "body": b""}

        async def replacing(message: Message) -> None:
            nonlocal refused
            if seen <= most:
                await send(message)
            elif not refused:
                refused = True
                await refusal(scope, receive, send)

        await self._app(scope, counting, replacing)
