"""What answers cost in tokens: thought before they are worked on, and counted afterwards.

Before, each question is taken to be read twice, alone and with as many passages as may be shown,
and its answer to be as long as it may be. What was really read and written takes the place of that
once it is known. Work that failed costs nothing; work that somebody gave up costs what was thought,
since it was done until then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from fastapi import Request

from rag_router.api.batching import Batcher
from rag_router.api.guards.allowances import Allowance
from rag_router.api.guards.guards import Guards, guards_of
from rag_router.api.guards.quotas import Reservation
from rag_router.api.listening import Listening
from rag_router.api.principal import principal_of
from rag_router.api.service import Service
from rag_router.errors import CancelledError, QuestionError
from rag_router.orchestrator import Ask
from rag_router.settings import GeneratorSettings
from rag_router.types import Answer, Question

__all__ = ["listen_charged", "thought_of", "thought_of_errand", "used_by", "within"]

T = TypeVar("T")
R = TypeVar("R")

_AROUND: Final = 256
"""Tokens of instructions and worked examples around a question."""
_BYTES: Final = 3
"""Of a text that are a token, at least on the average."""

Work = Callable[[Batcher, Callable[[T], None], Callable[[], bool]], R]


def thought_of(questions: Sequence[str], ask: Ask, generator: GeneratorSettings) -> int:
    """Return how many tokens answers may take.

    Args:
        questions: Their texts.
        ask: What is wanted.
        generator: How much may be read and written.
    """
    passages = 0 if ask.retrieval == "never" else generator.passage_tokens
    output = ask.max_new_tokens or generator.max_new_tokens
    around = _AROUND + _tokens(ask.instructions)
    return sum(2 * (around + _tokens(text)) + passages + output for text in questions)


def thought_of_errand(longest: int) -> int:
    """Return how many tokens an errand may take that writes lines of so many."""
    return 2 * _AROUND + longest


def used_by(answers: Sequence[Answer]) -> int:
    """Return how many tokens answers took."""
    return sum(one.usage.prompt_tokens + one.usage.completion_tokens for one in answers)


def within(
    questions: Sequence[Question | str],
    ask: Ask,
    allowance: Allowance,
    generator: GeneratorSettings,
) -> Ask:
    """Return what may be asked of what is asked: no longer answers than the tenant may have.

    Raises:
        QuestionError: a question is longer than the tenant's may be.
    """
    for number, question in enumerate(questions, start=1):
        text = question if isinstance(question, str) else question.text
        if len(text) > allowance.question_characters:
            raise QuestionError(
                f"question {number} has {len(text):,} characters; at most "
                f"{allowance.question_characters:,} are taken.",
                hint="Shorten it, or give the long text as a document.",
            )
    if allowance.output_tokens is None:
        return ask
    most = min(ask.max_new_tokens or generator.max_new_tokens, allowance.output_tokens)
    return replace(ask, max_new_tokens=most)


def listen_charged(
    service: Service,
    request: Request,
    work: Work[T, R],
    *,
    thought: Callable[[Guards], int],
    used: Callable[[R], int],
) -> Listening[T, R]:
    """Begin work as `Service.listen` does, and count what it costs.

    Args:
        service: Whose threads work.
        request: On whose behalf.
        work: What is done.
        thought: Tokens that it may take.
        used: Tokens that it took.

    Raises:
        QuotaError: there is no room for as many tokens now.
        TooLargeError: there never is.
        OverloadedError: more is worked on than can be.
    """
    guards = guards_of(request)
    tenant = principal_of(request).tenant
    if not guards.quotas.rates_of(tenant).any:
        return service.listen(request, work)
    reserved = guards.quotas.reserve(tenant, thought(guards))
    try:
        return service.listen(request, _charged(work, reserved, used))
    except Exception:
        reserved.settle(0)
        raise


def _charged(work: Work[T, R], reserved: Reservation, used: Callable[[R], int]) -> Work[T, R]:
    def working(batcher: Batcher, tell: Callable[[T], None], cancelled: Callable[[], bool]) -> R:
        try:
            result = work(batcher, tell, cancelled)
        except CancelledError:
            raise
        except Exception:
            reserved.settle(0)
            raise
        reserved.settle(used(result))
        return result

    return working


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // _BYTES)
