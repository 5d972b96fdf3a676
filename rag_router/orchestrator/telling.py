"""The last stage: put together what is told of a question."""

from __future__ import annotations

from typing import Final

from rag_router.filters.citations import uncited
from rag_router.models.streams import Generation
from rag_router.orchestrator.ask import Ask, Request
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.normalising import Asked
from rag_router.orchestrator.work import Batch, Work
from rag_router.types import (
    Answer,
    Conflict,
    Degradation,
    Evidence,
    ExpertChoice,
    Knowledge,
    Reason,
    Route,
    TokenTrace,
    Usage,
)

__all__ = ["tell", "tell_too_late", "too_late"]

_MORE_TIME: Final = "There was not enough time. Ask again, with more of it."
_STAGES: Final = ("route", "gate", "retrieve", "filter", "decode", "verify", "total")
_UNKNOWN: Final = 0.5
"""A probability of which nothing is known."""


def tell(one: Work, batch: Batch, expert: ExpertChoice) -> Answer:
    """Put an answer together; its timings are still to be written in."""
    parts, request = batch.parts, batch.request
    text, generation, abstained = one.text, one.generation, one.plan == "abstain"
    tokens: tuple[TokenTrace, ...] | None = None
    if request.ask_of(one.question).tokens:
        tokens = generation.tokens if generation is not None and text is not None else ()
    return Answer(
        id=one.question.id,
        question=one.question.text,
        text=text,
        abstained=abstained,
        reason=_reason(one, request),
        confidence=1 - _likeliest(one) if abstained else one.confidence,
        knowledge=_knowledge(one, batch),
        route=Route(expert=expert, retrievers=one.retrievers, opinions=batch.opinions(one)),
        evidence=one.evidence,
        conflict=Conflict(
            closed_book_answer=batch.from_memory(one).text if batch.remembered(one) else None,
            divergence=one.divergence,
            strategy=_strategy(one, batch),
            trust=one.trust,
            p_memory=None if one.outlook is None else one.outlook.memory,
            p_passages=None if one.outlook is None else one.outlook.passages,
            p_conflict=None if one.outlook is None else one.outlook.conflict,
        ),
        usage=_usage(one, batch, _said_tokens(generation) if generation and text else 0),
        timings_ms={},
        citations=one.citations if text and one.from_passages else (),
        tokens=tokens,
        degraded=tuple(one.notes),
        message=parts.message if text is None else text,
        hint=_hint(one, request) if abstained else "",
        disagreement=one.sides,
        # Of several sides each has citations of its own.
        uncited=uncited(text, one.citations)
        if text and one.from_passages and not one.sides
        else (),
    )


def tell_too_late(asked: Asked, parts: Composition, request: Request) -> Answer:
    """Abstain from a question that nobody had the time to begin with."""
    return too_late(
        asked,
        late=f"{request.deadline_of(asked.question)} before it was begun",
        gate=parts.gate_name,
        expert=parts.expert.name,
        message=parts.message,
        tokens=request.ask_of(asked.question).tokens,
    )


def too_late(
    asked: Asked, *, late: str, gate: str, expert: str, message: str, tokens: bool
) -> Answer:
    """Abstain from a question, since there was no time to begin with it.

    Args:
        asked: The question, and what was taken out of it.
        late: Which time has passed, and before what.
        gate: Who would have judged it.
        expert: Who would have answered it.
        message: What a person reads.
        tokens: Whether the per-token trace is wanted, of which there is none.
    """
    return Answer(
        id=asked.question.id,
        question=asked.question.text,
        text=None,
        abstained=True,
        reason="no_knowledge",
        confidence=_UNKNOWN,
        knowledge=Knowledge(
            gate=gate, p_know=_UNKNOWN, threshold=None, retrieve=False, reason=late
        ),
        route=Route(expert=ExpertChoice(name=expert)),
        evidence=Evidence(),
        conflict=Conflict(closed_book_answer=None, divergence=None, strategy="closed_book"),
        usage=Usage(),
        timings_ms=dict.fromkeys(_STAGES, 0.0),
        tokens=() if tokens else None,
        degraded=(*asked.notes, Degradation(stage="gate", what=late)),
        message=message,
        hint=_MORE_TIME,
    )


def _knowledge(one: Work, batch: Batch) -> Knowledge:
    cost = batch.board.cost(one.row)
    return Knowledge(
        gate=batch.parts.gate_name,
        p_know=one.verdict.p_know,
        threshold=one.verdict.threshold,
        retrieve=one.retrieve,
        reason=_retrieval_reason(one, batch.request.ask_of(one.question)),
        advised=one.verdict.retrieve,
        signals=one.verdict.signals,
        extra_prefill_tokens=cost.prefill_tokens,
        extra_decode_steps=cost.decode_steps,
    )


def _said_tokens(generation: Generation) -> int:
    """Tokens of an answer; who does not show them tells, or is estimated, how many they are."""
    return len(generation.tokens) or generation.forward_rows


def _usage(one: Work, batch: Batch, completion_tokens: int) -> Usage:
    cost = batch.board.cost(one.row)
    return Usage(
        prompt_tokens=batch.alone_tokens(one) + one.read_tokens + cost.prefill_tokens,
        completion_tokens=completion_tokens,
        lm_forward_passes=cost.forward_rows + one.read_rows + one.decoded_rows,
        retriever_calls=one.calls,
    )


def _likeliest(one: Work) -> float:
    """P(right) of the likeliest answer that was not given."""
    if one.outlook is not None:
        return one.outlook.best
    return max(one.confidence, one.verdict.p_know)


def _reason(one: Work, request: Request) -> Reason:
    if one.plan == "abstain":
        return one.unsaid
    if one.plan == "parametric":
        return "parametric"
    if one.recalled is not None:
        return "contextual"
    if one.sides:
        return "disagreement"
    contrasted = len(request.decoder.streams) > 1 and not one.agreed
    return "contrast" if contrasted else "contextual"


def _strategy(one: Work, batch: Batch) -> str:
    if one.recalled is not None:
        return "recalled"
    return batch.parts.decoder_name if one.from_passages else "closed_book"


def _retrieval_reason(one: Work, ask: Ask) -> str:
    if ask.retrieval != "auto":
        return f"retrieval is set to {ask.retrieval}"
    return f"{one.verdict.reason}; {one.unlooked}" if one.unlooked else one.verdict.reason


def _hint(one: Work, request: Request) -> str:
    if one.late:
        return _MORE_TIME
    if not request.indices:
        return "No index was searched. Add documents: rag-router index add NAME PATH"
    if request.ask_of(one.question).retrieval == "never":
        return "Retrieval was set to never."
    return "Nothing in the searched indexes answers this. Add documents that do."
