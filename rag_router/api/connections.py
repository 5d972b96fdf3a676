"""Connections as a scarce good: who says nothing makes room, and who is too slow is let go.

A server that waits for ever for the rest of a request can be held up by anybody who sends one byte
a minute (Slowloris), and one that keeps every connection runs out of descriptors. Here a request's
head must be there in time, its body must come at some least pace, and what is answered must be
taken. Of too many connections those are closed that have waited longest without a request, so that
whoever asks something is served while thousands say nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from rag_router.settings import ServeSettings

__all__ = ["ACCEPTED_AT_ONCE", "patient_protocol"]

ACCEPTED_AT_ONCE: Final = 100
"""Connections that a turn of the event loop accepts; twice as many may come on top of the most."""

_LEAST_PACE: Final = 500
"""Bytes a second of a body, on average."""

_CLOSED: Final = (
    b"HTTP/1.1 %b\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\n%b"
)
_PROBLEM: Final = (
    b'{"type": "urn:rag-router:problem:%b", "title": "%b", "status": %b, "detail": "%b"}'
)
_SLOW: Final = (b"408 Request Timeout", b"too-slow", b"The request did not come in time.")
_FULL: Final = (b"503 Service Unavailable", b"full", b"Too many connections.")


def patient_protocol(listens: ServeSettings) -> type[asyncio.Protocol]:
    """Return the protocol that uvicorn shall speak, for one server.

    Args:
        listens: `connections` is how many there may be at once, and `head_seconds` how long the
            head of a request, or a pause of a body or of its reader, may take.
    """
    # In the order in which they began to wait; a dict forgets from anywhere in no time.
    waiting: dict[PatientProtocol, None] = {}

    class Protocol(PatientProtocol):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self.listens, self.waiting = listens, waiting

    return Protocol


class PatientProtocol(H11Protocol):
    """Speaks HTTP/1.1 with whoever keeps up."""

    listens: ServeSettings
    waiting: dict[PatientProtocol, None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self._since = self.loop.time()
        self._received = 0
        self._look_again()
        if len(self.connections) > self.listens.connections:
            self._make_room()
        if not transport.is_closing():
            self.waiting[self] = None

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        self._received += len(data)
        if self.cycle is not before:
            self._since, self._received = self.loop.time(), len(data)
            self._set_waiting()

    def on_response_complete(self) -> None:
        before = self.cycle
        super().on_response_complete()
        # What was sent behind the request may be the next one, which has begun by now.
        self._since = self.loop.time()
        self._received = 0 if self.cycle is before else self._received
        self._set_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self.waiting.pop(self, None)
        self._looking.cancel()
        super().connection_lost(exc)

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _set_waiting(self) -> None:
        self.waiting.pop(self, None)
        if not self._busy and not self.transport.is_closing():
            self.waiting[self] = None

    def _make_room(self) -> None:
        """Close who has waited longest; where all are busy, this one."""
        other = next(iter(self.waiting), self)
        other._close(_FULL)

    def _look_again(self) -> None:
        self._looking = self.loop.call_later(self.listens.head_seconds, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            # Who does not take the rest of an answer is not waited for.
            self.transport.abort()
        elif self.flow.write_paused and self._stuck == self._unsent:
            self.transport.abort()
        elif self._too_slow():
            self._close(_SLOW)
        self._stuck = self._unsent
        if self in self.connections:
            self._look_again()

    _stuck = 0

    @property
    def _unsent(self) -> int:
        """Bytes that wait for the client to take them."""
        return self.transport.get_write_buffer_size()

    def _too_slow(self) -> bool:
        took = self.loop.time() - self._since
        if not self._busy:
            return took >= self.listens.head_seconds
        # While the service itself does not read on, nobody can send.
        if not self.cycle.more_body or self.flow.read_paused:
            return False
        return self._received < _LEAST_PACE * (took - self.listens.head_seconds)

    def _close(self, why: tuple[bytes, bytes, bytes]) -> None:
        self.waiting.pop(self, None)
        status, kind, detail = why
        # Once an answer has begun, another status would be taken for a part of it.
        if not self._busy or not self.cycle.response_started:
            body = _PROBLEM % (kind, status[4:], status[:3], detail)
            self.transport.write(_CLOSED % (status, len(body), body))
        self.transport.close()
