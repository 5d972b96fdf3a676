"""What a client of OpenAI's interface is sent: whole, or piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from rag_router.api.listening import Listening
from rag_router.api.openai.asking import Shown
from rag_router.api.openai.chunks import Completion, FinishReason, usage_of
from rag_router.api.openai.errors import FAILURE, error_of
from rag_router.api.openai.harmless import Harmless
from rag_router.api.openai.profiles import (
    FAILED,
    answer_text,
    closing_status,
    source_events,
    status_of,
    url_citations,
)
from rag_router.api.openai.sources import sources_of
from rag_router.api.service import Service, id_of
from rag_router.api.sse import KEEP_ALIVE, as_event
from rag_router.errors import RagRouterError
from rag_router.orchestrator.events import Done, Event, Spoke
from rag_router.telemetry import logger
from rag_router.types import Answer

__all__ = ["Reply", "answer_stream", "answer_whole", "reply_stream", "reply_whole"]

_DONE: Final = b"data: [DONE]\n\n"
_SUMMARY: Final = ("id", "trace_id", "abstained", "reason", "confidence")
"""What of the whole answer is always told."""
_CUT: Final = frozenset({"length", "deadline"})


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to an errand, and what it cost."""

    text: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(slots=True)
class _Told:
    """What was sent of an answer so far, and what ended its words."""

    words: Harmless = field(default_factory=Harmless)
    finish: FinishReason = "stop"

    def hear(self, event: Event) -> str:
        """Take note of an event; returns words that can be sent at once."""
        if isinstance(event, Done) and event.finish in _CUT:
            self.finish = "length"
        if not isinstance(event, Spoke) or not event.certain:
            return ""
        return self.words.hear(event.text)


async def answer_whole(
    listening: Listening[Event, Answer],
    completion: Completion,
    shown: Shown,
    service: Service,
    request: Request,
) -> dict[str, Any]:
    """Return a whole completion.

    Raises:
        RagRouterError: whatever answering raised.
    """
    told = _Told()
    async for event in listening.events():
        if event is not None:
            told.hear(event)
    answer = await listening.result()
    more = await _more(answer, shown, service, request)
    sources = sources_of(answer)
    message = {
        "content": answer_text(answer, sources, shown.profile, ""),
        "annotations": url_citations(sources) if shown.profile == "strict" else [],
    }
    return completion.whole(message, told.finish, _usage(answer), more)


def answer_stream(
    listening: Listening[Event, Answer],
    completion: Completion,
    shown: Shown,
    service: Service,
    request: Request,
) -> AsyncIterator[bytes]:
    """Send a completion in pieces: first the role, then words as soon as they are certain."""
    pieces = _answer_pieces(listening, completion, shown, service, request)
    return _to_the_end(pieces, request, events=shown.profile == "openwebui")


async def _answer_pieces(
    listening: Listening[Event, Answer],
    completion: Completion,
    shown: Shown,
    service: Service,
    request: Request,
) -> AsyncGenerator[bytes, None]:
    yield as_event(completion.piece({"role": "assistant", "content": ""}))
    told, events = _Told(), shown.profile == "openwebui"
    async for event in listening.events():
        if event is None:
            yield KEEP_ALIVE
        elif words := told.hear(event):
            yield as_event(completion.piece({"content": words}))
        elif events and (status := status_of(event)):
            yield as_event(status)
    answer = await listening.result()
    more = await _more(answer, shown, service, request)
    sources = sources_of(answer)
    if events:
        for source in source_events(sources):
            yield as_event(source)
    if rest := answer_text(answer, sources, shown.profile, told.words.said):
        yield as_event(completion.piece({"content": rest}))
    if shown.profile == "strict" and (cited := url_citations(sources)):
        yield as_event(completion.piece({"annotations": cited}))
    if events:
        yield as_event(closing_status(answer, sources))
    yield as_event(completion.piece({}, told.finish, more))
    if completion.with_usage:
        yield as_event(completion.last(_usage(answer)))


def reply_whole(reply: Reply, completion: Completion) -> dict[str, Any]:
    """Return the reply to an errand as a completion."""
    usage = usage_of(reply.prompt_tokens, reply.completion_tokens)
    return completion.whole({"content": reply.text, "annotations": []}, "stop", usage, {})


def reply_stream(
    listening: Listening[None, Reply], completion: Completion, request: Request
) -> AsyncIterator[bytes]:
    """Send the reply to an errand in pieces."""
    return _to_the_end(_reply_pieces(listening, completion), request)


async def _reply_pieces(
    listening: Listening[None, Reply], completion: Completion
) -> AsyncGenerator[bytes, None]:
    yield as_event(completion.piece({"role": "assistant", "content": ""}))
    async for _ in listening.events():
        yield KEEP_ALIVE
    reply = await listening.result()
    yield as_event(completion.piece({"content": reply.text}))
    yield as_event(completion.piece({}, "stop"))
    if completion.with_usage:
        yield as_event(completion.last(usage_of(reply.prompt_tokens, reply.completion_tokens)))


async def _to_the_end(
    pieces: AsyncGenerator[bytes, None], request: Request, *, events: bool = False
) -> AsyncIterator[bytes]:
    """Send pieces, what went wrong if something does, and that nothing more comes.

    Args:
        pieces: What is sent.
        request: On whose behalf.
        events: Whether stages are shown; one that nobody ends would be shown for ever.
    """
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
    except RagRouterError as exc:
        error = error_of(exc)
    except Exception:  # noqa: BLE001  # a bug of ours; the client hears of it before the stream ends
        logger.exception("request %s failed while it was streamed", id_of(request))
        error = FAILURE
    else:
        yield _DONE
        return
    if events:
        yield as_event(FAILED)
    yield as_event({"error": error})
    yield _DONE


async def _more(
    answer: Answer, shown: Shown, service: Service, request: Request
) -> Mapping[str, Any]:
    """What is told of an answer beyond the interface: all of it where asked for, else its gist."""
    told = (await run_in_threadpool(service.told, [answer], request))[0]
    if shown.trace:
        return {"rag_router": told}
    return {"rag_router": {key: told[key] for key in _SUMMARY if key in told}}


def _usage(answer: Answer) -> dict[str, int]:
    return usage_of(answer.usage.prompt_tokens, answer.usage.completion_tokens)
