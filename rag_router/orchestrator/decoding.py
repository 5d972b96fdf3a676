"""The sixth stage: decode the answers, all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from rag_router.experts.reading import text_of
from rag_router.models.side_by_side import going_on
from rag_router.models.streams import Facts, Generation, Heard, OneStream, Spoken, Task, decode
from rag_router.orchestrator.announcing import Telling, announce_known
from rag_router.orchestrator.work import Batch, Work

__all__ = ["decode_answers", "decode_answers_of_all", "note_memory"]


def decode_answers(work: Sequence[Work], batch: Batch) -> None:
    """Decode every answer that is still to be decoded, in one loop."""
    tasks, telling = _begun(work, batch)
    _take(tasks, batch.decode(tasks, telling), batch)


def decode_answers_of_all(parties: Sequence[tuple[Sequence[Work], Batch]]) -> None:
    """Do the same for several batches, whose experts lie over one base, in one loop.

    Raises:
        ModelError: their models lie over different bases, or decoding fails.
    """
    begun = [(*_begun(work, batch), batch) for work, batch in parties]
    tasks = [(task, batch) for some, _, batch in begun for _, task in some]
    if not tasks:
        return
    generations = decode(
        going_on([batch.parts.expert.model for _, batch in tasks]),
        [task for task, _ in tasks],
        heard=_telling_each([(telling, len(some)) for some, telling, _ in begun]),
        cancelled=tasks[0][1].request.ask.cancelled,
    )
    at = 0
    for some, _, batch in begun:
        _take(some, generations[at : at + len(some)], batch)
        at += len(some)


def _begun(work: Sequence[Work], batch: Batch) -> tuple[list[tuple[Work, Task]], Heard | None]:
    """What is to be decoded, and who hears of it; what was answered from memory is taken."""
    tasks: list[tuple[Work, Task]] = []
    for one in work:
        if one.plan == "abstain":
            continue
        if one.plan == "parametric" and _remembered(one, batch):
            one.generation = batch.from_memory(one)
            announce_known(one, batch)
            continue
        one.attempt += 1
        tasks.append((one, _task(one, batch)))
    heard = batch.request.ask.heard
    return tasks, None if heard is None else Telling([one for one, _ in tasks], batch)


def _telling_each(some: Sequence[tuple[Heard | None, int]]) -> Heard | None:
    """Let each hear of its own answers, of which it has so many, by their places among them."""
    places = [(heard, number) for heard, count in some for number in range(count)]
    if all(heard is None for heard, _ in places):
        return None

    def tell(spoken: Spoken) -> None:
        heard, number = places[spoken.number]
        if heard is not None:
            heard(replace(spoken, number=number))

    return tell


def _take(
    tasks: Sequence[tuple[Work, Task]], generations: Sequence[Generation], batch: Batch
) -> None:
    for (one, _), generation in zip(tasks, generations, strict=True):
        one.generation = generation
        one.decoded_rows += generation.forward_rows
        _note(one, generation, batch)


def note_memory(work: Sequence[Work], batch: Batch) -> None:
    """Write down what decoding answers from memory did otherwise than it was asked."""
    for one in work:
        if batch.remembered(one):
            _note(one, batch.from_memory(one), batch)


def _remembered(one: Work, batch: Batch) -> bool:
    """Whether the answer from memory is there already, just as this request wants it."""
    ask = batch.request.ask_of(one.question)
    if not batch.request.as_fitted or not batch.remembered(one):
        return False
    said = batch.from_memory(one)
    if any(stop in said.text for stop in ask.stop):
        return False
    most = batch.parts.max_new_tokens if ask.max_new_tokens is None else ask.max_new_tokens
    if said.finish == "length":
        return most == batch.parts.max_new_tokens
    return len(said.tokens) < most


def _task(one: Work, batch: Batch) -> Task:
    request, closed = batch.request, batch.closed(one)
    ask = request.ask_of(one.question)
    most = ask.max_new_tokens or batch.parts.max_new_tokens
    sampling = one.sampling
    if sampling is None and ask.sampling is not None:
        sampling = ask.sampling.keyed("answer", one.question.text)
    if not one.read:
        prompt, stream = one.alone or (closed.prompt, closed.stream)
        return Task(
            streams={"closed": stream},
            strategy=OneStream("closed"),
            max_new_tokens=most,
            stop=(*prompt.stop, *ask.stop),
            sampling=sampling,
            trace=ask.tokens,
            deadline=partial(request.over, one.question),
        )
    return Task(
        streams={"closed": closed.stream, **one.streams},
        strategy=OneStream("context") if one.agreed else request.decoder,
        facts=Facts(
            p_know=one.verdict.p_know,
            support=one.evidence.support,
            trust=1.0 if one.trust is None else one.trust,
            shown=text_of([kept.hit.passage for kept in one.evidence.kept]),
        ),
        max_new_tokens=most,
        stop=(*one.prompts["context"].stop, *ask.stop),
        sampling=sampling,
        trace=ask.tokens,
        deadline=partial(request.over, one.question),
    )


def _note(one: Work, generation: Generation, batch: Batch) -> None:
    deadline = batch.request.deadline_of(one.question)
    for what in generation.notes:
        one.note("decode", what)
    if generation.finish == "deadline":
        one.late = True
        said = len(generation.tokens)
        one.note("decode", f"{deadline} after {said} token(s), which are all that was said")
