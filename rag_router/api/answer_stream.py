"""The stages of an answer as server-sent events, while they happen.

Each event is called what its stage is called, and tells its question by `row`:

    accept begin gate route retrieve filter policy decode done

Then comes one `answers` with everything that the same request without `stream` returns, or one
`problem` where something went wrong, however late: no stream ends without either.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from rag_router.api.batching import Batcher
from rag_router.api.guards.charging import listen_charged, thought_of, used_by, within
from rag_router.api.guards.guards import allowance_of, guards_of
from rag_router.api.listening import Listening
from rag_router.api.problems import kind_of, of_failure, status_of, told_of
from rag_router.api.service import Service, id_of
from rag_router.api.sse import KEEP_ALIVE, EventStream, as_event
from rag_router.errors import RagRouterError
from rag_router.orchestrator import Ask
from rag_router.orchestrator.events import Accepted, Event
from rag_router.telemetry import logger
from rag_router.types import Answer, Question

__all__ = ["answer_while_wanted", "stream_answers"]

Answering = Listening[Event, list[Answer]]


async def stream_answers(
    service: Service, questions: Sequence[Question | str], ask: Ask, request: Request
) -> EventStream:
    """Answer questions, and tell every stage of each as it happens.

    Raises:
        RagRouterError: the request makes no sense, or nobody is there to answer it.
    """
    listening = _answering(service, questions, ask, request)
    await listening.begun()
    return EventStream(_events(listening, len(questions), service, request))


async def answer_while_wanted(
    service: Service, questions: Sequence[Question | str], ask: Ask, request: Request
) -> list[Answer]:
    """Answer questions, unless whoever asked goes away.

    Raises:
        CancelledError: it did.
        RagRouterError: the request makes no sense, or nobody is there to answer it.
    """

    def work(
        batcher: Batcher, _: Callable[[Event], None], cancelled: Callable[[], bool]
    ) -> list[Answer]:
        return batcher.answer(questions, replace(ask, cancelled=cancelled))

    ask = within(questions, ask, allowance_of(request), guards_of(request).generator)
    return await _charged(service, questions, ask, request, work).result()


def _answering(
    service: Service, questions: Sequence[Question | str], ask: Ask, request: Request
) -> Answering:
    def work(
        batcher: Batcher, tell: Callable[[Event], None], cancelled: Callable[[], bool]
    ) -> list[Answer]:
        return batcher.answer(questions, replace(ask, heard=tell, cancelled=cancelled))

    ask = within(questions, ask, allowance_of(request), guards_of(request).generator)
    return _charged(service, questions, ask, request, work)


def _charged(
    service: Service,
    questions: Sequence[Question | str],
    ask: Ask,
    request: Request,
    work: Callable[[Batcher, Callable[[Event], None], Callable[[], bool]], list[Answer]],
) -> Answering:
    texts = [one if isinstance(one, str) else one.text for one in questions]
    return listen_charged(
        service,
        request,
        work,
        thought=lambda guards: thought_of(texts, ask, guards.generator),
        used=used_by,
    )


async def _events(
    listening: Answering, questions: int, service: Service, request: Request
) -> AsyncIterator[bytes]:
    # Told at once, whoever has to be asked first who answers.
    for row in range(questions):
        yield as_event(Accepted(row=row).to_json(), event=Accepted.stage)
    try:
        async for event in listening.events():
            if event is None:
                yield KEEP_ALIVE
            elif not isinstance(event, Accepted):
                yield as_event(event.to_json(), event=event.stage)
        answers = await listening.result()
        told = await run_in_threadpool(service.told, answers, request)
        yield as_event({"answers": told}, event="answers")
    except RagRouterError as exc:
        problem = told_of(
            status_of(exc),
            exc.message,
            exc.hint,
            retryable=exc.retryable,
            kind=kind_of(exc),
            request_id=id_of(request),
        )
        yield as_event(problem.model_dump(), event="problem")
    except Exception:  # noqa: BLE001  # a bug of ours; the client hears of it before the stream ends
        logger.exception("request %s failed while it was streamed", id_of(request))
        yield as_event(of_failure(id_of(request)).model_dump(), event="problem")
