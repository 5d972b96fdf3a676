"""Reading and decoding where the model that does both is behind an endpoint.

Question and passages go there in one chat, laid out as for a local model that chats; what comes
back is the answer. There is no stream without passages beside it, so nothing is weighed and no
divergence is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_router.experts.reading import as_read
from rag_router.models.prompts import Messages, Prompt, PromptStyle, question_messages
from rag_router.models.remote_client import Chat
from rag_router.orchestrator.announcing import announce_known
from rag_router.orchestrator.planning import in_time, plan_without_passages
from rag_router.orchestrator.remote_board import RemoteBoard, drawn, generation_of
from rag_router.orchestrator.work import Batch, Work
from rag_router.settings import GIVEN

__all__ = ["decode_remotely", "read_remotely"]


def read_remotely(work: Sequence[Work], batch: Batch) -> None:
    """Settle which passages are sent; those that the prompt has no room for are not kept."""
    for one in in_time(work, batch):
        _, prompt = _put(one, batch)
        for what in prompt.cut:
            one.note("prompt", what)
        one.evidence = as_read(one.evidence, {"context": prompt})
        one.sent = bool(one.evidence.kept)
        if not one.sent:
            one.plan = plan_without_passages(one, batch)
            continue
        sources = [j.hit.passage.index or GIVEN for j in one.evidence.kept]
        one.trust = min(batch.trust.get(source, 1.0) for source in sources)


def decode_remotely(work: Sequence[Work], batch: Batch) -> None:
    """Have every answer that is still to be had, all at once.

    Raises:
        RemoteError: the endpoint does not answer one of them as it should.
    """
    board, request = batch.board, batch.request
    assert isinstance(board, RemoteBoard)
    known = [one for one in work if one.plan == "parametric" and _usual(one, batch)]
    for one, said in zip(known, batch.all_from_memory(known), strict=True):
        one.generation = said
    left = [one for one in work if one.plan != "abstain" and one not in known]
    replies = board.talk([_chat(one, batch) for one in left])
    for one, reply in zip(left, replies, strict=True):
        one.generation = generation_of(
            reply, batch.parts.expert.name, request.ask_of(one.question).stop
        )
        one.read_rows += 1
        one.read_tokens += reply.prompt_tokens
        one.decoded_rows += reply.completion_tokens
        for what in one.generation.notes:
            one.note("decode", what)
    for one in work:
        if one.plan != "abstain":
            # Not before all of it is there: who breaks off is followed by somebody else.
            announce_known(one, batch)


def _usual(one: Work, batch: Batch) -> bool:
    """Whether what it answers from memory is what this request wants."""
    ask = batch.request.ask_of(one.question)
    return batch.request.as_fitted and ask.max_new_tokens is None and not ask.stop


def _chat(one: Work, batch: Batch) -> Chat:
    ask, parts = batch.request.ask_of(one.question), batch.parts
    sampling = one.sampling
    if sampling is None and ask.sampling is not None:
        sampling = ask.sampling.keyed("answer", one.question.text)
    messages, _ = _put(one, batch)
    return drawn(
        Chat(messages=messages, max_tokens=ask.max_new_tokens or parts.max_new_tokens), sampling
    )


def _put(one: Work, batch: Batch) -> tuple[Messages, Prompt]:
    expert = batch.parts.expert
    passages = () if one.plan == "parametric" else [j.hit.passage for j in one.evidence.kept]
    return question_messages(expert.model, _style(batch), one.question.text, passages)


def _style(batch: Batch) -> PromptStyle:
    style, told = batch.parts.expert.style, batch.request.ask.instructions
    return replace(style, preface=told) if told else style
