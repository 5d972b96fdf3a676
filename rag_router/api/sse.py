"""Server-sent events, as browsers and chat clients read them.

Every event is one block of lines with an empty line behind it; lines that begin with a colon are
comments, which clients pass over and proxies take for a sign of life (WHATWG HTML, "Server-sent
events").
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi.responses import StreamingResponse

__all__ = ["KEEP_ALIVE", "EventStream", "as_event"]

KEEP_ALIVE: Final = b": keep-alive\n\n"
"""A comment, for connections on which nothing happens for a while."""

_HEADERS: Final = {
    "Cache-Control": "no-cache",
    # Proxies of the nginx kind would collect events otherwise.
    "X-Accel-Buffering": "no",
}


class EventStream(StreamingResponse):
    """A response whose body is events, sent one by one."""

    media_type = "text/event-stream"

    def __init__(
        self, body: AsyncIterator[bytes], *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(body, headers={**_HEADERS, **(headers or {})})


def as_event(data: Any, *, event: str = "") -> bytes:
    """Return one event.

    Args:
        data: Anything JSON can say; it becomes one line.
        event: What kind of event it is; empty is the kind that has no name.
    """
    # All but ASCII is escaped: no character can break a line, and lone surrogates are no trouble.
    line = f"data: {json.dumps(data, allow_nan=False, separators=(',', ':'))}\n\n"
    return (f"event: {event}\n{line}" if event else line).encode("ascii")
