"""Requests that are too large are refused before they are read, or as soon as they show it.

Small JSON can make large objects: eight MiB of brackets are hundreds of MiB of lists. So the values
of a body are counted before it is parsed, outside of its strings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_router.api.guards.allowances import Most
from rag_router.api.refusing import refused
from rag_router.errors import TooLargeError

__all__ = ["BodyLimit", "values_of"]

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_FORM: Final = "multipart/form-data"


class BodyLimit:
    """An ASGI application around another one; who asks must be known already.

    Args:
        app: The other one.
        most: Returns how large a request may be.
    """

    def __init__(self, app: ASGIApp, most: Callable[[Scope], Most]) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most = self._most(scope)
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > most.bytes:
            await _refusal(_too_long(most), scope)(scope, receive, send)
            return
        form = headers.get("content-type", "").lower().startswith(_FORM)
        body = _Body(most, json=not form)
        told = False

        async def counting() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                body.take(message.get("body", b""), last=not message.get("more_body", False))
            # What is too large ends here: whoever parses it finds it cut short.
            return {"type": "http.request", "body": b""} if body.refused else message

        async def replacing(message: Message) -> None:
            nonlocal told
            if body.refused is None:
                await send(message)
            elif not told:
                told = True
                await _refusal(body.refused, scope)(scope, receive, send)

        await self._app(scope, counting, replacing)


@dataclass(slots=True)
class _Body:
    """What has been seen of a body, and why it is refused, if it is."""

    most: Most
    json: bool
    seen: int = 0
    signs: int = 0
    pieces: list[bytes] = field(default_factory=list)
    refused: TooLargeError | None = None

    def take(self, piece: bytes, *, last: bool) -> None:
        """Look at the next piece."""
        self.seen += len(piece)
        if self.seen > self.most.bytes:
            self.refused, self.pieces = _too_long(self.most), []
            return
        if not self.json:
            return
        self.pieces.append(piece)
        # Commas and brackets of texts are counted, too: mostly that is enough.
        self.signs += _signs(piece)
        if last and self.signs >= self.most.values:
            values = values_of(b"".join(self.pieces))
            if values > self.most.values:
                self.refused = TooLargeError(
                    f"the JSON of the request has {values:,} values; at most "
                    f"{self.most.values:,} are taken.",
                    hint="Send less at once.",
                )
        if last:
            self.pieces = []


def values_of(body: bytes) -> int:
    """Return how many values JSON has, at most: what stands in strings is none."""
    return 1 + _signs(_STRING.sub(b"", body))


def _signs(piece: bytes) -> int:
    return piece.count(b",") + piece.count(b"[") + piece.count(b"{")


def _too_long(most: Most) -> TooLargeError:
    return TooLargeError(
        f"the request is larger than {most.bytes / 2**20:g} MiB.", hint="Send less at once."
    )


def _refusal(exc: TooLargeError, scope: Scope) -> ASGIApp:
    return refused(exc, scope["path"], str(scope.get("state", {}).get("request_id", "")))
