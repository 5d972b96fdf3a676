"""The fifth stage: read question and passages together, and see what they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag_router.decoders.learning import FittedDecoder
from rag_router.experts import Expert
from rag_router.experts.reading import as_read, prompts_with_passages, read_prompts_each
from rag_router.models.distributions import divergence
from rag_router.models.prompts import closed_book_prompt
from rag_router.models.strategies import Role, layers_of
from rag_router.models.tasks import Started
from rag_router.orchestrator.observing import wants_states
from rag_router.orchestrator.planning import in_time, plan_without_passages
from rag_router.orchestrator.work import Batch, Work
from rag_router.settings import GIVEN

__all__ = ["Party", "read_passages", "read_passages_of_all"]

Party = tuple[Sequence[Work], Batch]
"""Some questions, and the batch that they are of."""


def read_passages(work: Sequence[Work], batch: Batch) -> None:
    """Read the passages of those that are to answer from them, all in one pass.

    What has no room in the prompt is not kept. The policy looks at what the passages change:
    where they hardly change anything, memory and passages agree.
    """
    read_passages_of_all([(work, batch)])


def read_passages_of_all(parties: Sequence[Party]) -> None:
    """Do the same for several batches, whose experts lie over one base, in one pass.

    Raises:
        ModelError: their models lie over different bases.
    """
    some = [(one, batch) for work, batch in parties for one in _to_read(work, batch)]
    alone = [(one, batch) for work, batch in parties for one in _alone(work, batch)]
    experts = [_instructed(batch) for _, batch in alone]
    prompts = [
        closed_book_prompt(expert.model, expert.style, one.question.text)
        for expert, (one, _) in zip(experts, alone, strict=True)
    ]
    read = read_prompts_each(experts, [{"closed": prompt} for prompt in prompts])
    for (one, _), prompt, streams in zip(alone, prompts, read, strict=True):
        one.alone = (prompt, streams["closed"])
        one.read_rows += 1
        one.read_tokens += streams["closed"].tokens
    for (one, batch), begun in zip(some, _read(some), strict=True):
        one.streams = begun
        one.read_rows += len(begun)
        one.read_tokens += sum(stream.tokens for stream in begun.values())
        before, after = batch.closed(one).stream.logits, begun["context"].logits
        one.divergence = float(divergence(after[None], before[None]).item())
        one.agreed = batch.parts.policy.agree(one.divergence)


def _to_read(work: Sequence[Work], batch: Batch) -> list[Work]:
    """Put the questions that are to be answered from passages; returns those that have some."""
    reading = in_time(work, batch)
    for one in reading:
        _put(one, batch)
    return [one for one in reading if one.prompts]


def _alone(work: Sequence[Work], batch: Batch) -> list[Work]:
    """Those whose question is read alone once more, since the request tells something before."""
    if not batch.request.ask.instructions:
        return []
    return [one for one in work if one.plan == "parametric" and one.alone is None]


def _read(some: Sequence[tuple[Work, Batch]]) -> list[Mapping[Role, Started]]:
    """Read prompts; those of which more is to be shown are read apart from those that are not."""
    kinds: dict[tuple[bool, bool], list[int]] = {}
    for number, (_, batch) in enumerate(some):
        kind = bool(layers_of(batch.request.decoder)), wants_states(batch)
        kinds.setdefault(kind, []).append(number)
    found: dict[int, Mapping[Role, Started]] = {}
    for (layers, hidden), numbers in kinds.items():
        read = read_prompts_each(
            [_instructed(some[number][1]) for number in numbers],
            [some[number][0].prompts for number in numbers],
            layers=layers,
            hidden=hidden,
        )
        found.update(zip(numbers, read, strict=True))
    return [found[number] for number in range(len(some))]


def _instructed(batch: Batch) -> Expert:
    """The expert, told before every question what the request tells it."""
    expert, told = batch.parts.expert, batch.request.ask.instructions
    return replace(expert, style=replace(expert.style, preface=told)) if told else expert


def _put(one: Work, batch: Batch) -> None:
    """Make the prompts that are still to be read; passages without room there are not."""
    parts, decoder = batch.parts, batch.request.decoder
    expert = _instructed(batch)
    prompts = prompts_with_passages(
        expert,
        one.question.text,
        [j.hit.passage for j in one.evidence.kept],
        decoder.streams,
    )
    for what in (what for prompt in prompts.values() for what in prompt.cut):
        one.note("prompt", what)
    one.evidence = as_read(one.evidence, prompts)
    if not one.evidence.kept:
        one.plan = plan_without_passages(one, batch)
        return
    # The gate has read the question without its layers; what looks at them reads it again.
    closed, again = batch.closed(one).prompt, "closed" in layers_of(decoder)
    if batch.request.ask.instructions and "closed" in decoder.streams:
        # So has it without what this request tells the model.
        closed, again = closed_book_prompt(expert.model, expert.style, one.question.text), True
    one.prompts = {**prompts, **({"closed": closed} if again else {})}
    sources = [j.hit.passage.index or GIVEN for j in one.evidence.kept]
    one.trust = min(batch.trust.get(source, 1.0) for source in sources)
    if isinstance(decoder, FittedDecoder) and not decoder.fitted:
        one.note("decode", f"{parts.decoder_name} is not fitted for {parts.expert.name}")
