"""POST /v1/chat/completions: the last question of a conversation, answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request

from rag_router import telemetry
from rag_router.api.batching import Batcher
from rag_router.api.batching.waiting import Lane
from rag_router.api.guards.charging import (
    listen_charged,
    thought_of,
    thought_of_errand,
    used_by,
    within,
)
from rag_router.api.guards.guards import allowance_of, guards_of
from rag_router.api.openai.asking import ask_of, shown_of
from rag_router.api.openai.chunks import Completion
from rag_router.api.openai.errand_replies import reply_to
from rag_router.api.openai.errands import Errand, errand_of, talk_of
from rag_router.api.openai.errors import OpenAIRoute
from rag_router.api.openai.messages import conversation_of
from rag_router.api.openai.names import wanted_of
from rag_router.api.openai.replying import (
    Reply,
    answer_stream,
    answer_whole,
    reply_stream,
    reply_whole,
)
from rag_router.api.openai.schemas import ChatRequest
from rag_router.api.openai.serving import expert_names, settings_of
from rag_router.api.places import placed
from rag_router.api.service import Served
from rag_router.api.sse import EventStream
from rag_router.conversations import Conversation, Lines, condense
from rag_router.conversations.lines import LONGEST_LINE
from rag_router.experts.writing import Written
from rag_router.models.prompts import Inquiry
from rag_router.orchestrator import Ask
from rag_router.orchestrator.events import Accepted, Event
from rag_router.types import Answer, Question

__all__ = ["PROFILE_HEADER", "router"]

router = APIRouter(tags=["openai"], route_class=OpenAIRoute)

PROFILE_HEADER = "X-RAG-Router-Profile"
"""The header that says how sources are shown."""

Tell = Callable[[Event], None]
Cancelled = Callable[[], bool]


@router.post(
    "/v1/chat/completions",
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def chat(body: ChatRequest, request: Request, service: Served) -> Any:
    """Answer the last question of a conversation, as OpenAI's interface has it."""
    orchestrator, settings = service.orchestrator, settings_of(request)
    experts = expert_names(orchestrator, request)
    wanted = wanted_of(body.model, service=settings.model, experts=experts)
    conversation = conversation_of(body.messages)
    options = body.stream_options
    completion = Completion(
        model=body.model, with_usage=bool(options is not None and options.include_usage)
    )
    named = request.headers.get(settings.task_header)
    errand = "title" if wanted.title else errand_of(conversation, named)
    if errand is not None:
        plain = _plain(body, conversation, named)
        running = listen_charged(
            service,
            request,
            _running(errand, conversation, plain=plain),
            thought=lambda guards: thought_of_errand(LONGEST_LINE),
            used=lambda reply: reply.prompt_tokens + reply.completion_tokens,
        )
        if body.stream:
            await running.begun()
            return EventStream(reply_stream(running, completion, request))
        return reply_whole(await running.result(), completion)
    ask = ask_of(body, wanted, conversation.instructions, settings)
    guards = guards_of(request)
    ask = await placed(ask, service, request)
    ask = within([conversation.asked], ask, allowance_of(request), guards.generator)
    shown = shown_of(body, wanted, request.headers.get(PROFILE_HEADER), settings)
    answering = listen_charged(
        service,
        request,
        _answering(conversation, ask, completion.id),
        thought=lambda guards: thought_of([conversation.asked], ask, guards.generator),
        used=lambda answer: used_by([answer]),
    )
    if body.stream:
        await answering.begun()
        return EventStream(answer_stream(answering, completion, shown, service, request))
    return await answer_whole(answering, completion, shown, service, request)


def _answering(
    conversation: Conversation, ask: Ask, id_: str
) -> Callable[[Batcher, Tell, Cancelled], Answer]:
    asked, before = conversation.asked, conversation.before

    def work(batcher: Batcher, tell: Tell, cancelled: Cancelled) -> Answer:
        # Whoever writes first has been understood, too.
        written = _lines(batcher, cancelled, lambda: tell(Accepted(row=0)), Lane.ANSWER)
        one = condense(asked, before, written)
        question = Question(id=id_, text=one.question, queries=one.queries)
        wanted = replace(ask, heard=tell, cancelled=cancelled)
        return written.charged(batcher.answer([question], wanted)[0])

    return work


def _running(
    errand: Errand, conversation: Conversation, *, plain: bool
) -> Callable[[Batcher, Callable[[None], None], Cancelled], Reply]:
    def work(batcher: Batcher, tell: Callable[[None], None], cancelled: Cancelled) -> Reply:
        telemetry.count(telemetry.ERRANDS, errand=errand)
        write = _lines(batcher, cancelled, lambda: tell(None), Lane.ERRAND)
        text = reply_to(errand, talk_of(conversation), write, plain=plain)
        return Reply(text, write.prompt_tokens, write.completion_tokens)

    return work


def _plain(body: ChatRequest, conversation: Conversation, header: str | None) -> bool:
    """Whether a title is wanted by itself: unless JSON is asked for, or shown.

    Whoever sends the header reads JSON.
    """
    form = (body.response_format or {}).get("type", "text")
    said = [conversation.instructions, *(turn.text for turn in conversation.turns)]
    return not header and form == "text" and not any('"title":' in text for text in said)


def _lines(batcher: Batcher, cancelled: Cancelled, begun: Callable[[], None], lane: Lane) -> Lines:
    def write(inquiry: Inquiry, case: Sequence[str]) -> Written:
        begun()
        return batcher.write(
            inquiry, case, max_new_tokens=LONGEST_LINE, cancelled=cancelled, lane=lane
        )

    return Lines(write)
