"""The sixth stage: decode the answers, all of them together."""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.models.streams import Facts, Generation, OneStream, Task, decode
from rag_router.orchestrator.work import Batch, Work

__all__ = ["decode_answers", "note_memory"]


def decode_answers(work: Sequence[Work], batch: Batch) -> None:
    """Decode every answer that is still to be decoded, in one loop."""
    tasks: list[tuple[Work, Task]] = []
    for one in work:
        if one.plan == "abstain":
            continue
        if one.plan == "parametric" and batch.remembered(one):
            one.generation = batch.from_memory(one)
            continue
        tasks.append((one, _task(one, batch)))
    generations = decode(
        batch.parts.expert.model,
        [task for _, task in tasks],
        cancelled=batch.request.ask.cancelled,
    )
    for (one, _), generation in zip(tasks, generations, strict=True):
        one.generation = generation
        one.decoded_rows += generation.forward_rows
        _note(one, generation, batch)


def note_memory(work: Sequence[Work], batch: Batch) -> None:
    """Write down what decoding answers from memory did otherwise than it was asked."""
    for one in work:
        if batch.remembered(one):
            _note(one, batch.from_memory(one), batch)


def _task(one: Work, batch: Batch) -> Task:
    request, closed = batch.request, batch.closed(one)
    if not one.read:
        return Task(
            streams={"closed": closed.stream},
            strategy=OneStream("closed"),
            max_new_tokens=batch.parts.max_new_tokens,
            stop=closed.prompt.stop,
            trace=request.ask.tokens,
            deadline=request.deadline.passed,
        )
    return Task(
        streams={"closed": closed.stream, **one.streams},
        strategy=OneStream("context") if one.agreed else request.decoder,
        facts=Facts(
            p_know=one.verdict.p_know,
            support=one.evidence.support,
            trust=1.0 if one.trust is None else one.trust,
        ),
        max_new_tokens=batch.parts.max_new_tokens,
        stop=one.prompts["context"].stop,
        sampling=one.sampling,
        trace=request.ask.tokens,
        deadline=request.deadline.passed,
    )


def _note(one: Work, generation: Generation, batch: Batch) -> None:
    deadline = batch.request.deadline
    for what in generation.notes:
        one.note("decode", what)
    if generation.finish == "deadline":
        one.late = True
        said = len(generation.tokens)
        one.note("decode", f"{deadline} after {said} token(s), which are all that was said")
