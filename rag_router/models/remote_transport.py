"""A transport that never waits past its time, however slowly it is served.

Time-outs of HTTP clients are for each wait by itself: who sends one byte of its headers a second
keeps them waiting for ever. Here every wait of a request is cut to what is left of all its times
(`Patience`). Looking up a host's address cannot be cut short; the system's resolver has a limit
of its own.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

__all__ = ["Patience", "PatientTransport", "patience"]


class Patience:
    """How long one request waits, for what it waits for now.

    Args:
        clock: Seconds since some fixed moment.
        ends: The moment at which it waits for nothing more.
        connect_s: Most seconds for a connection.
        first_byte_s: Most seconds from the first wait for an answer to its first bytes.
        between_bytes_s: Most seconds between bytes after that.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        ends: float,
        connect_s: float,
        first_byte_s: float,
        between_bytes_s: float,
    ) -> None:
        self._clock, self._ends = clock, ends
        self.longest_connect_s = connect_s
        self.longest_first_s = first_byte_s
        self.longest_between_s = between_bytes_s
        self._first_ends: float | None = None
        self.began = False

    def begin(self) -> None:
        """Note that the answer has begun."""
        self.began = True

    @property
    def left_s(self) -> float:
        """Seconds until it waits for nothing more."""
        return max(self._ends - self._clock(), 0.0)

    @property
    def connect_s(self) -> float:
        """Most seconds to wait for a connection now."""
        return min(self.longest_connect_s, self.left_s)

    @property
    def send_s(self) -> float:
        """Most seconds to wait until bytes are taken now."""
        return min(self.longest_between_s, self.left_s)

    @property
    def read_s(self) -> float:
        """Most seconds to wait for bytes now."""
        if self.began:
            return min(self.longest_between_s, self.left_s)
        if self._first_ends is None:
            self._first_ends = self._clock() + self.longest_first_s
        return min(max(self._first_ends - self._clock(), 0.0), self.left_s)


patience: ContextVar[Patience] = ContextVar("patience")
"""That of the request which this thread makes."""


class PatientTransport(httpx.BaseTransport):
    """HTTP over connections that are kept, each wait cut by `patience`.

    Args:
        trusted: What certificates are checked against.
        connections: Most of them.
    """

    def __init__(self, trusted: ssl.SSLContext, *, connections: int) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=trusted,
            max_connections=connections,
            keepalive_expiry=15.0,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        assert isinstance(request.stream, httpx.SyncByteStream)
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions={"timeout": {"pool": patience.get().left_s}},
        )
        with _Translated(request):
            got = self._pool.handle_request(sent)
        assert isinstance(got.stream, Iterable)
        return httpx.Response(
            status_code=got.status, headers=got.headers, stream=_Body(got, request)
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The bytes of a response, with httpx's errors."""

    def __init__(self, got: httpcore.Response, request: httpx.Request) -> None:
        self._got, self._request = got, request

    def __iter__(self) -> Iterator[bytes]:
        with _Translated(self._request):
            yield from self._got.iter_stream()

    def close(self) -> None:
        self._got.close()


class _Translated:
    """Turns httpcore's errors into httpx's, which have the same names."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, exc: BaseException | None, trace: Any) -> None:
        name = type(exc).__name__
        found = getattr(httpx, name, None)
        if isinstance(found, type) and issubclass(found, httpx.TransportError):
            raise found(str(exc), request=self._request) from exc


class _Backend(httpcore.NetworkBackend):
    """Connections whose every wait is cut short."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        wait = _waiting(patience.get().connect_s, httpcore.ConnectTimeout)
        return _Stream(self._backend.connect_tcp(host, port, wait, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _waiting(patience.get().read_s, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _waiting(patience.get().send_s, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        wait = _waiting(patience.get().connect_s, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, wait))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _waiting(seconds: float, late: type[Exception]) -> float:
    # A socket takes 0 for "do not block", which is another thing than having no time left.
    if seconds <= 0:
        raise late("the time is over")
    return seconds
