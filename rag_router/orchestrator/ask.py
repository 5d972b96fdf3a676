"""What a request asks for, and what follows from it for all of its questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rag_router.decoders import Strategy
from rag_router.decoders.knob import relying
from rag_router.errors import UnknownNameError, UsageError
from rag_router.experts.deadline import Deadline
from rag_router.indices.following import latest_of
from rag_router.indices.narrowing import narrowed
from rag_router.indices.where import Where
from rag_router.orchestrator.composition import Composition
from rag_router.outlook import Observation
from rag_router.retrievers import Searchable
from rag_router.types import Question, Retrieval

__all__ = ["Ask", "Request", "request_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one request wants otherwise than the service's settings.

    Attributes:
        retrieval: Let the gate decide, or overrule it.
        indexes: Names of the indexes to look in; None means all there are.
        where: What the metadata of passages must be to be found; None lets all be found.
        tokens: Whether to return the per-token trace.
        reliance: How far memory is relied on where it conflicts with the passages, in [0, 1], for
            decoders that have such a knob; None leaves it as it is set.
        deadline_s: Seconds, > 0, after which everything still undone is left undone. The shorter
            of this one and the service's own counts; None leaves it at that one.
        cancelled: Asked between decoding steps; true stops everything.
        observed: Hears of each question with an answer what it shows of what its answers are worth,
            for those who learn from it; costs the answer from memory.
    """

    retrieval: Retrieval = "auto"
    indexes: tuple[str, ...] | None = None
    where: Where | None = None
    tokens: bool = False
    reliance: float | None = None
    deadline_s: float | None = None
    cancelled: Callable[[], bool] | None = None
    observed: Callable[[Question, Observation], None] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request and what follows from it.

    Attributes:
        ask: What was asked for.
        indices: What is looked in, by name, narrowed to what may be found.
        decoder: The decoder, set as the request wants it.
        deadline: When it must be done; it began to run when the request was made.
        notes: What of the indexes is not as it was published.
    """

    ask: Ask
    indices: Mapping[str, Searchable]
    decoder: Strategy
    deadline: Deadline
    notes: tuple[str, ...] = ()


def request_of(parts: Composition, ask: Ask) -> Request:
    """Make a request of what is asked for; its deadline begins to run.

    Raises:
        UnknownNameError: an index or field named in `ask` is not there.
        UsageError: `ask` sets what the decoder does not have, or to what cannot be.
    """
    if ask.deadline_s is not None and not ask.deadline_s > 0:
        raise UsageError(
            f"a deadline of {ask.deadline_s} s has passed before anything is asked.",
            hint="Give a number of seconds above 0, or none.",
        )
    latest = latest_of(parts.indices)
    return Request(
        ask=ask,
        indices=narrowed(_chosen(latest.indices, ask.indexes), ask.where),
        decoder=relying(parts.decoder, ask.reliance, name=parts.decoder_name),
        deadline=Deadline.within(ask.deadline_s, parts.answer_seconds, clock=parts.clock),
        notes=latest.notes,
    )


def _chosen(
    indices: Mapping[str, Searchable], names: tuple[str, ...] | None
) -> Mapping[str, Searchable]:
    if names is None:
        return indices
    for name in names:
        if name not in indices:
            raise UnknownNameError("index", name, indices)
    return {name: indices[name] for name in names}
