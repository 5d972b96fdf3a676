"""POST /v1/answer: one question or many, each with its sources and reasons."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from rag_router.api.answer_stream import answer_while_wanted, stream_answers
from rag_router.api.guards.allowances import Allowance
from rag_router.api.guards.guards import allowance_of
from rag_router.api.places import placed
from rag_router.api.problems import PROBLEMS
from rag_router.api.schemas import AnswerRequest, AnswerResponse
from rag_router.api.service import Served
from rag_router.errors import QuestionError, UsageError
from rag_router.indices.where import Where
from rag_router.orchestrator import Ask

__all__ = ["router"]

router = APIRouter(tags=["answers"])


_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            "text/event-stream": {
                "schema": {},
                "example": 'event: gate\ndata: {"row":0,"stage":"gate","p_know":0.21}\n\n',
            }
        },
        "description": "The answers; with `stream`, every stage as it happens, and then they",
    }
}


@router.post("/v1/answer", responses=PROBLEMS | _STREAM, response_model=AnswerResponse)
async def answer(body: AnswerRequest, request: Request, service: Served) -> Any:
    """Answer one question or many, each with its sources and the reason for every decision."""
    questions = _questions(body, allowance_of(request))
    ask = Ask(
        retrieval=body.retrieval,
        indexes=None if body.indexes is None else tuple(body.indexes),
        where=None if body.where is None else Where.of(body.where),
        tokens=body.tokens,
        reliance=body.reliance,
        expert=body.expert,
    )
    ask = await placed(ask, service, request)
    if body.stream:
        return await stream_answers(service, questions, ask, request)
    answers = await answer_while_wanted(service, questions, ask, request)
    return AnswerResponse(answers=await run_in_threadpool(service.told, answers, request))


def _questions(body: AnswerRequest, limits: Allowance) -> list[str]:
    if (body.question is None) == (body.questions is None):
        raise UsageError("give either `question` or `questions`.")
    questions = [body.question] if body.question is not None else body.questions or []
    if not questions:
        raise QuestionError("`questions` is empty.", hint="Give at least one question.")
    if len(questions) > limits.questions_per_request:
        raise QuestionError(
            f"{len(questions)} questions are too many for one request.",
            hint=f"At most {limits.questions_per_request} are taken.",
        )
    return questions
