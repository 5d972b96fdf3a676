"""Clients that are slow, say nothing, or are too many; with real sockets on loopback."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest
import uvicorn

from rag_router.api.connections import patient_protocol
from rag_router.settings import ServeSettings

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
QUICK = 0.2
"""Seconds that stand for the ten of a real service."""


async def app(scope, receive, send):
    """Says how long the body was, or sends more than sockets hold."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = b"x" * 64_000_000 if scope["path"] == "/large" else str(size).encode()
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def served(**listens):
    settings = ServeSettings(**{"head_seconds": QUICK} | listens)
    config = uvicorn.Config(
        app, http=patient_protocol(settings), lifespan="off", log_level="critical", ws="none"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield lambda: socket.create_connection(listener.getsockname(), timeout=20)
        finally:
            server.should_exit = True
            thread.join()


def said(client):
    """Everything until the other side closes."""
    raw = b""
    while piece := client.recv(65536):
        raw += piece
    return raw


def ask(client, body=b"abc"):
    client.sendall(HEAD % len(body) + body)
    raw = b""
    # The answer to so little is one figure behind the head.
    while b"\r\n\r\n" not in raw[:-1]:
        piece = client.recv(65536)
        assert piece, raw
        raw += piece
    return raw


def test_a_request_is_answered_again_and_again_on_one_connection():
    with served() as connect, connect() as client:
        assert [ask(client)[-1:] for _ in range(3)] == [b"3"] * 3


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhos"], ids=["silent", "half a head"])
def test_who_does_not_send_a_head_in_time_is_told_and_let_go(begun):
    with served() as connect, connect() as client:
        client.sendall(begun)
        raw = said(client)
        assert raw.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b'"type": "urn:rag-router:problem:too-slow"' in raw


def test_a_head_that_trickles_in_is_no_head_in_time():
    with served() as connect, connect() as client:
        whole = len(HEAD % 3) * QUICK / 4
        begin = time.monotonic()
        try:
            for byte in HEAD % 3:
                client.sendall(bytes([byte]))
                time.sleep(QUICK / 4)
        except OSError:
            pass
        # Well before the whole head would have been sent.
        assert time.monotonic() - begin < whole * 0.9


def test_a_body_at_a_snails_pace_is_given_up():
    with served() as connect, connect() as client:
        client.sendall(HEAD % 1000 + b"a")
        assert said(client).startswith(b"HTTP/1.1 408 ")


def test_who_does_not_take_the_answer_is_let_go():
    with served() as connect, connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(10 * QUICK)
        got = 0
        with suppress(ConnectionResetError):
            while piece := client.recv(2**20):
                got += len(piece)
        assert got < 64_000_000


def test_of_too_many_connections_the_silent_ones_make_room():
    with served(connections=10, head_seconds=60) as connect, ExitStack() as stack:
        silent = [stack.enter_context(connect()) for _ in range(30)]
        honest = stack.enter_context(connect())
        assert ask(honest).endswith(b"3")
        # 31 were there, of which ten may stay: those that came first had waited longest.
        gone = [said(client) for client in silent[:21]]
        assert all(raw.startswith(b"HTTP/1.1 503 Service Unavailable\r\n") for raw in gone)
        assert all(b"retry-after: 1\r\n" in raw for raw in gone)
        assert ask(silent[-1]).endswith(b"3")
