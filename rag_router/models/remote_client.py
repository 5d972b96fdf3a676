"""One chat with an OpenAI-compatible endpoint, in time or not at all.

Whatever goes wrong on the way is a `RemoteError`, raised within the time that was given. Requests
that were refused for now are made again, as long as there is time; who has failed several times in
a row is left alone (`rag_router.models.remote_breaker`). Redirects are not followed, proxies and
credentials of the environment are not used, and answers are read up to a size.
"""

from __future__ import annotations

import itertools
import json
import time
import weakref
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from rag_router.artefacts import fingerprint_of
from rag_router.errors import CancelledError, RemoteError
from rag_router.models.remote_address import address_of
from rag_router.models.remote_breaker import Breaker
from rag_router.models.remote_keys import Key
from rag_router.models.remote_reply import RemoteReply, ReplyReader
from rag_router.models.remote_stream import EventReader
from rag_router.models.remote_transport import Patience, PatientTransport, patience
from rag_router.models.remote_trouble import AttemptError, refused, transport_trouble
from rag_router.models.remote_trust import Authority, trusted
from rag_router.models.remote_waiting import backoff
from rag_router.settings import RemoteSettings

__all__ = ["Chat", "RemoteClient", "Times"]

_SPARED: Final = ("logprobs", "stream_options", "seed")
"""What a reply can do without, where an endpoint refuses to be asked for it."""
_SLICE_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """What is said to an endpoint.

    Attributes:
        messages: Each with `role` and `content`.
        max_tokens: Most tokens of the reply.
        temperature: 0 asks for the likeliest words.
        top_p: Probability that the tokens drawn from reach together; 1 keeps all.
        seed: Of what it draws; None leaves it to the endpoint.
    """

    messages: tuple[Mapping[str, str], ...]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """What tells the time, and lets it pass.

    Attributes:
        clock: Seconds since some fixed moment.
        now: Seconds since 1970.
        pause: Waits for so many seconds.
    """

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep


class RemoteClient:
    """Talks to one endpoint; safe to share between threads.

    Args:
        settings: How long it is waited for, and what it is asked to tell.
        url: What stands before `/chat/completions`.
        name: What the expert is called, in messages.
        model: What the endpoint calls the model.
        key: Sent with every request, if there is one.
        seed: Of the waits between attempts.
        times: What tells the time.

    Raises:
        SettingsError: the address or the file of certificates cannot be used.
    """

    def __init__(
        self,
        settings: RemoteSettings,
        *,
        url: str,
        name: str,
        model: str,
        key: Key | None = None,
        seed: int = 0,
        times: Times | None = None,
    ) -> None:
        self.name, self.model = name, model
        self.url = address_of(url, name=name)
        self._settings, self._key, self._seed = settings, key, seed
        self._times = times or Times()
        self.breaker = Breaker(
            failures=settings.failures, rest_s=settings.rest_s, clock=self._times.clock
        )
        self._spared: frozenset[str] = frozenset() if settings.logprobs else frozenset({"logprobs"})
        self._http = httpx.Client(
            transport=PatientTransport(
                trusted(settings.authorities), connections=settings.concurrency
            ),
            auth=None if key is None else Authority(key),
            follow_redirects=False,
            trust_env=False,
            # Time-outs are the transport's business.
            timeout=None,  # noqa: S113
            headers={"User-Agent": "rag-router", "Accept-Encoding": "identity"},
        )
        # Kept connections are closed with it, also where a pool lets go of it.
        weakref.finalize(self, self._http.close)

    @property
    def tells_logprobs(self) -> bool:
        """Whether it is asked for log-probabilities; not where it has refused to tell them."""
        return "logprobs" not in self._spared

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def chat(
        self,
        chat: Chat,
        *,
        within_s: float | None = None,
        cancelled: Callable[[], bool] | None = None,
        heard: Callable[[str], None] | None = None,
    ) -> RemoteReply:
        """Ask, and return the whole reply.

        Args:
            chat: What to say.
            within_s: Seconds after which nobody waits any longer; the settings' own limit counts
                where it is shorter.
            cancelled: Asked while it waits and reads; true gives up.
            heard: Hears of words as they come; who has listened is not told anything twice, so
                that then a reply which breaks off is not asked for again.

        Raises:
            RemoteError: there is no reply, and not for want of another attempt in time.
            CancelledError: `cancelled` said so.
        """
        if not self.breaker.admit():
            raise RemoteError(
                f"{self.name} is left alone: {self.breaker.failed} requests in a row failed; "
                f"it is asked again in {self.breaker.rests_s:.0f} s.",
            )
        limit = (
            self._settings.total_s if within_s is None else min(within_s, self._settings.total_s)
        )
        listener = _Listener(heard, cancelled)
        try:
            reply = self._asked(chat, self._times.clock() + limit, limit, listener)
        except AttemptError as trouble:
            if trouble.error.retryable:
                self.breaker.did_fail(rest_s=trouble.after_s or 0.0)
            else:
                self.breaker.succeeded()
            raise trouble.error from trouble
        except BaseException:
            self.breaker.gave_up()
            raise
        self.breaker.succeeded()
        return reply

    def _asked(self, chat: Chat, ends: float, limit_s: float, listener: _Listener) -> RemoteReply:
        failed = 0
        for _ in itertools.count():
            body = self._body(chat)
            try:
                return self._attempt(body, chat, ends, limit_s, listener)
            except AttemptError as trouble:
                if spared := self._to_spare(trouble, body):
                    self._spared |= spared
                    continue
                wait = max(self._backoff(failed, body), trouble.after_s or 0.0)
                failed += 1
                hopeless = not trouble.again or listener.heard_something
                if hopeless or failed > self._settings.retries:
                    raise
                if wait >= ends - self._times.clock():
                    raise trouble.without_time(wait) from trouble
                self._wait(wait, listener)
        raise AssertionError("counting never ends")

    def _attempt(
        self, body: bytes, chat: Chat, ends: float, limit_s: float, listener: _Listener
    ) -> RemoteReply:
        settings = self._settings
        waits = Patience(
            clock=self._times.clock,
            ends=ends,
            connect_s=settings.connect_s,
            first_byte_s=settings.first_byte_s,
            between_bytes_s=settings.between_bytes_s,
        )
        before = patience.set(waits)
        try:
            with self._http.stream(
                "POST", self.url, content=body, headers={"Content-Type": "application/json"}
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise refused(response, self.name, self._key, now=self._times.now())
                return self._read(response, chat, waits, listener)
        except httpx.TransportError as exc:
            raise transport_trouble(exc, self.name, waits, limit_s=limit_s) from exc
        except RemoteError as exc:
            shown = exc if self._key is None else _without(self._key, exc)
            raise AttemptError(shown, again=False) from exc
        finally:
            patience.reset(before)

    def _read(
        self, response: httpx.Response, chat: Chat, waits: Patience, listener: _Listener
    ) -> RemoteReply:
        kind = response.headers.get("Content-Type", "application/json").partition(";")[0].strip()
        encoded = response.headers.get("Content-Encoding", "identity")
        streamed = kind.lower() == "text/event-stream"
        if encoded != "identity" or not (streamed or kind.lower() == "application/json"):
            seen = kind if encoded == "identity" else f"{encoded}-encoded {kind}"
            raise RemoteError(
                f"{self.name} sent {seen[:80]} in place of a chat completion.",
                hint="Is it the address of an OpenAI-compatible endpoint?",
            )
        reader, events, whole = ReplyReader(self.name), EventReader(), []
        try:
            for piece in self._pieces(response, waits, listener):
                if not streamed:
                    whole.append(piece)
                    continue
                for data in events.feed(piece):
                    listener.hear(reader.take_event(data))
                if reader.done:
                    break
            if not streamed:
                listener.hear(reader.take_whole(b"".join(whole)))
            elif not reader.done and (rest := events.rest()) is not None:
                _take_rest(reader, rest)
        except UnicodeDecodeError as exc:
            raise RemoteError(f"{self.name} sent bytes that are no text.") from exc
        return reader.reply(chat.messages)

    def _pieces(
        self, response: httpx.Response, waits: Patience, listener: _Listener
    ) -> Generator[bytes]:
        """The bytes of a response as they come, up to the most that are read."""
        size, most = 0, self._settings.response_kb * 1024
        for piece in response.iter_raw():
            waits.begin()
            listener.stop_if_cancelled()
            size += len(piece)
            if size > most:
                raise RemoteError(
                    f"{self.name} sent more than {self._settings.response_kb} KB, "
                    "and nothing beyond that is read.",
                    hint="Raise response_kb if answers may be that long.",
                )
            yield piece

    def _body(self, chat: Chat) -> bytes:
        settings = self._settings
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [dict(one) for one in chat.messages],
            "temperature": chat.temperature,
            settings.limit_field: chat.max_tokens,
            "stream": settings.stream,
        }
        if settings.stream:
            body["stream_options"] = {"include_usage": True}
        body["logprobs"] = True
        if chat.top_p < 1:
            body["top_p"] = chat.top_p
        if chat.seed is not None:
            body["seed"] = chat.seed
        kept = {key: value for key, value in body.items() if key not in self._spared}
        return json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace")

    def _to_spare(self, trouble: AttemptError, body: bytes) -> frozenset[str]:
        """What the endpoint refused that can be left out; each once."""
        named = {field for field in _SPARED if field in trouble.refused_text}
        return frozenset(field for field in named if f'"{field}":'.encode() in body) - self._spared

    def _backoff(self, attempt: int, body: bytes) -> float:
        return backoff(
            attempt,
            first_s=self._settings.backoff_s,
            longest_s=self._settings.longest_backoff_s,
            seed=self._seed,
            request=fingerprint_of(body),
        )

    def _wait(self, seconds: float, listener: _Listener) -> None:
        ends = self._times.clock() + seconds
        while (left := ends - self._times.clock()) > 0:
            listener.stop_if_cancelled()
            self._times.pause(min(left, _SLICE_S))


class _Listener:
    """Hears words as they come, and may give up; safe to ask from one thread at a time."""

    def __init__(
        self, heard: Callable[[str], None] | None, cancelled: Callable[[], bool] | None
    ) -> None:
        self._heard, self._cancelled = heard, cancelled
        self.heard_something = False

    def hear(self, words: str) -> None:
        if words and self._heard is not None:
            self.heard_something = True
            self._heard(words)

    def stop_if_cancelled(self) -> None:
        if self._cancelled is not None and self._cancelled():
            raise CancelledError("asking the endpoint was cancelled.")


def _without(key: Key, exc: RemoteError) -> RemoteError:
    return RemoteError(
        key.hidden_in(exc.message), hint=key.hidden_in(exc.hint), retryable=exc.retryable
    )


def _take_rest(reader: ReplyReader, rest: str) -> None:
    """Take what came after the last blank line, if it is whole; if not, it broke off there."""
    try:
        reader.take_event(rest)
    except RemoteError:
        return
