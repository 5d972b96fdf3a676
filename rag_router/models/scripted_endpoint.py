"""An OpenAI-compatible endpoint on loopback that plays a script, mishaps included.

It is to remote experts what `rag_router.models.scripted` is to local ones: real sockets, no
weights, and every way in which an endpoint can fail, on request. Each request plays the next act
of the script; the last act is played again and again.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

from rag_router.models.remote_tokens import pieces

__all__ = [
    "Act",
    "Heard",
    "ScriptedEndpoint",
    "breaks_off",
    "falls_silent",
    "hangs",
    "refuses",
    "says",
    "sends",
    "trickles",
]

_HEAD: Final = "HTTP/1.1 {status} {reason}\r\nConnection: close\r\n{headers}\r\n"
_LOOK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it came in.

    Attributes:
        path: What was asked for.
        headers: Their names in lower case.
        body: The chat, parsed; empty where it is no JSON.
    """

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def question(self) -> str:
        """The last message."""
        messages = self.body.get("messages") or [{"content": ""}]
        return str(messages[-1]["content"])


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where an act is played.

    Attributes:
        heard: What was asked.
        send: Sends bytes; raises OSError where nobody listens any more.
        pause: Waits for some seconds; true once the endpoint is closed.
    """

    heard: Heard
    send: Callable[[bytes], None]
    pause: Callable[[float], bool]


Act = Callable[[_Stage], None]
"""What is done with one request; afterwards the connection is closed."""


def says(
    answer: str | Callable[[Heard], str], *, logprob: float | None = None, usage: bool = True
) -> Act:
    """Answer as an endpoint should, streamed or whole as it was asked.

    Args:
        answer: The words, or what makes them of the request.
        logprob: Of every token, in nats; None tells none, as many endpoints do.
        usage: Whether it tells how many tokens it read and said.
    """

    def act(stage: _Stage) -> None:
        heard = stage.heard
        text = answer if isinstance(answer, str) else answer(heard)
        tokens = pieces(text)
        counts = {"prompt_tokens": 100, "completion_tokens": len(tokens)} if usage else None
        if heard.body.get("stream"):
            chunks = [_chunk(token, logprob) for token in tokens]
            chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            chunks += [{"choices": [], "usage": counts}] if counts else []
            events = [*map(json.dumps, chunks), "[DONE]"]
            stage.send(_head(200, {"Content-Type": "text/event-stream; charset=utf-8"}))
            stage.send("".join(f"data: {event}\n\n" for event in events).encode())
            return
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
            "logprobs": _logprobs(tokens, logprob),
        }
        _send_json(stage, 200, {"choices": [choice], **({"usage": counts} if counts else {})})

    return act


def refuses(status: int, *, said: str = "", headers: Mapping[str, str] | None = None) -> Act:
    """Answer with a status that is none of success.

    Args:
        status: The status.
        said: What the error says.
        headers: More of them, such as `Retry-After`.
    """

    def act(stage: _Stage) -> None:
        _send_json(stage, status, {"error": {"message": said}} if said else {}, headers)

    return act


def sends(body: bytes, *, kind: str = "text/event-stream", bare: bool = False) -> Act:
    """Send these bytes in place of a reply.

    Args:
        body: The bytes.
        kind: What they claim to be.
        bare: Whether they come without anything that HTTP wants before them.
    """

    def act(stage: _Stage) -> None:
        stage.send(body if bare else _head(200, {"Content-Type": kind}) + body)

    return act


def hangs() -> Act:
    """Take the request, and say nothing."""

    def act(stage: _Stage) -> None:
        while not stage.pause(_LOOK_S):
            pass

    return act


def falls_silent(words: str) -> Act:
    """Begin to answer, and go no further."""

    def act(stage: _Stage) -> None:
        _begin(stage, words)
        while not stage.pause(_LOOK_S):
            pass

    return act


def breaks_off(words: str = "") -> Act:
    """Begin to answer, and close the connection; without words, before anything is said."""

    def act(stage: _Stage) -> None:
        if words:
            _begin(stage, words, length=10_000)

    return act


def trickles(seconds: float, *, head: bool = False) -> Act:
    """Send a byte now and then, for ever.

    Args:
        seconds: Between two of them.
        head: Whether already its headers come so, which then never end.
    """

    def act(stage: _Stage) -> None:
        stage.send(b"HTTP/1.1 200 OK\r\nX: " if head else _head(200, {"Content-Type": _EVENTS}))
        while not stage.pause(seconds):
            stage.send(b"y" if head else b":\n")

    return act


_EVENTS: Final = "text/event-stream"


@dataclass(slots=True)
class ScriptedEndpoint:
    """Plays acts to whoever asks it, while it is open.

    Attributes:
        acts: In the order of the requests; the last one is repeated.
        heard: What was asked so far.
    """

    acts: Sequence[Act]
    heard: list[Heard] = field(default_factory=list)
    _server: socketserver.ThreadingTCPServer | None = None
    _closed: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """What an expert's settings call it by."""
        assert self._server is not None
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/v1"

    def __enter__(self) -> Self:
        play, closed = self._play, self._closed

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                play(self.rfile, self.connection, closed)

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": _LOOK_S}, daemon=True
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def _play(self, requests: Any, connection: socket.socket, closed: threading.Event) -> None:
        heard = _read_request(requests)
        if heard is None:
            return
        with self._lock:
            act = self.acts[min(len(self.heard), len(self.acts) - 1)]
            self.heard.append(heard)
        try:
            act(_Stage(heard, connection.sendall, closed.wait))
        except OSError:
            return  # nobody listens any more


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def _read_request(requests: Any) -> Heard | None:
    first = requests.readline().decode("latin-1").split()
    if len(first) < 2:
        return None
    headers: dict[str, str] = {}
    while line := requests.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = requests.read(int(headers.get("content-length", "0")))
    try:
        found = json.loads(body)
    except ValueError:
        found = {}
    return Heard(first[1], headers, found if isinstance(found, dict) else {})


def _begin(stage: _Stage, words: str, *, length: int | None = None) -> None:
    headers = {"Content-Type": _EVENTS}
    if length is not None:
        headers["Content-Length"] = str(length)
    events = "".join(f"data: {json.dumps(_chunk(token, None))}\n\n" for token in pieces(words))
    stage.send(_head(200, headers) + events.encode())


def _chunk(token: str, logprob: float | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": token}, "finish_reason": None}
    return {"choices": [{**choice, "logprobs": _logprobs([token], logprob)}]}


def _logprobs(tokens: Sequence[str], logprob: float | None) -> dict[str, Any] | None:
    if logprob is None:
        return None
    return {"content": [{"token": token, "logprob": logprob} for token in tokens]}


def _send_json(
    stage: _Stage, status: int, body: Any, headers: Mapping[str, str] | None = None
) -> None:
    sent = json.dumps(body).encode()
    size = {"Content-Type": "application/json", "Content-Length": str(len(sent))}
    stage.send(_head(status, {**size, **(headers or {})}) + sent)


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return _HEAD.format(status=status, reason=HTTPStatus(status).phrase, headers=lines).encode()
