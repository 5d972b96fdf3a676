"""What a request asks for, and what follows from it for all of its questions."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from rag_router.decoders import Strategy
from rag_router.decoders.knob import relying
from rag_router.errors import UnknownNameError, UsageError
from rag_router.experts.deadline import Deadline
from rag_router.indices.following import latest_of
from rag_router.indices.narrowing import narrowed
from rag_router.indices.where import Where
from rag_router.models.sampling import Sampling
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.considering import Considered
from rag_router.orchestrator.events import Heard
from rag_router.outlook import Observation
from rag_router.retrievers import Searchable
from rag_router.types import Question, Retrieval

__all__ = ["Ask", "Request", "chosen", "company_of", "request_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one request wants otherwise than the service's settings.

    Attributes:
        retrieval: Let the gate decide, or overrule it.
        indexes: Names of the indexes to look in; None means all there are.
        within: Which indexes there are for whoever asks: their names, by what these are called
            here and in the answer; nothing else is looked at. None is all but tenants'.
        where: What the metadata of passages must be to be found; None lets all be found.
        tokens: Whether to return the per-token trace.
        reliance: How far memory is relied on where it conflicts with the passages, in [0, 1], for
            decoders that have such a knob; None leaves it as it is set.
        expert: Name of the expert that is to answer; None lets the router choose. Only a pool of
            experts knows names, and whoever is named answers or nobody does.
        tenant: Who asks; experts that are limited to tenants are there for those alone. None is
            nobody in particular.
        deadline_s: Seconds, > 0, after which everything still undone is left undone. The shorter
            of this one and the service's own counts; None leaves it at that one.
        deadline: One that runs already, for those who hand a request on; it stands for both.
        cancelled: Asked between decoding steps; true stops everything.
        observed: Hears of each question with an answer what it shows of what its answers are worth,
            for those who learn from it; costs the answer from memory.
        instructions: What the model is told before the question is put to it; empty tells nothing.
            The gate reads the question without, as it was fitted.
        sampling: How answers are drawn; None takes the likeliest tokens.
        max_new_tokens: Longest answer, >= 1; None leaves it as it is set.
        stop: Strings that end an answer besides those that always do; no part of it.
        heard: Hears of every stage of every question, and of every word, as it happens.
        own: What single questions want in the place of `retrieval`, `tokens`, `sampling`,
            `max_new_tokens`, `stop`, `deadline` and `cancelled`, by their ids, where questions of
            several requests are answered together; all else is common to them (see `company_of`).
    """

    retrieval: Retrieval = "auto"
    indexes: tuple[str, ...] | None = None
    within: Mapping[str, str] | None = None
    where: Where | None = None
    tokens: bool = False
    reliance: float | None = None
    expert: str | None = None
    tenant: str | None = None
    deadline_s: float | None = None
    deadline: Deadline | None = None
    cancelled: Callable[[], bool] | None = None
    observed: Callable[[Question, Observation], None] | None = None
    instructions: str = ""
    sampling: Sampling | None = None
    max_new_tokens: int | None = None
    stop: tuple[str, ...] = ()
    heard: Heard | None = None
    own: Mapping[str, Ask] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """A request and what follows from it.

    Attributes:
        ask: What was asked for.
        indices: What is looked in, by name, narrowed to what may be found.
        decoder: The decoder, set as the request wants it.
        deadline: When it must be done; it began to run when the request was made.
        notes: What of the indexes is not as it was published.
        known: What the expert has found out before about each question; None if nobody asked.
    """

    ask: Ask
    indices: Mapping[str, Searchable]
    decoder: Strategy
    deadline: Deadline
    notes: tuple[str, ...] = ()
    known: Sequence[Considered] | None = None

    @property
    def as_fitted(self) -> bool:
        """Whether answers are worth what was learned of those that the settings ask for."""
        return not self.ask.instructions and self.ask.sampling is None

    def ask_of(self, question: Question) -> Ask:
        """What one question wants."""
        return self.ask.own.get(question.id, self.ask)

    def deadline_of(self, question: Question) -> Deadline:
        """By when one question must be answered."""
        return self.ask_of(question).deadline or self.deadline

    def over(self, question: Question) -> bool:
        """Whether nobody waits for the answer to one question any more, or its time is up."""
        ask = self.ask_of(question)
        gone = ask is not self.ask and ask.cancelled is not None and ask.cancelled()
        return gone or self.deadline_of(question).passed()


def company_of(ask: Ask) -> Hashable:
    """Return what asks have in common whose questions can be answered together.

    The rest may differ from question to question (`Ask.own`). Answers that are drawn keep to
    themselves, since they are weighed otherwise.
    """
    return (
        ask.indexes,
        None if ask.within is None else frozenset(ask.within.items()),
        ask.where,
        ask.reliance,
        ask.expert,
        ask.tenant,
        ask.instructions,
        ask.observed,
        ask.sampling is None,
    )


def request_of(parts: Composition, ask: Ask) -> Request:
    """Make a request of what is asked for; its deadline begins to run.

    Raises:
        UnknownNameError: an index, field or expert named in `ask` is not there.
        UsageError: `ask` sets what the decoder does not have, or to what cannot be.
    """
    if ask.deadline_s is not None and not ask.deadline_s > 0:
        raise UsageError(
            f"a deadline of {ask.deadline_s} s has passed before anything is asked.",
            hint="Give a number of seconds above 0, or none.",
        )
    if ask.expert is not None and ask.expert != parts.expert.name:
        raise UnknownNameError("expert", ask.expert, [parts.expert.name])
    for one in (ask, *ask.own.values()):
        if one.max_new_tokens is not None and one.max_new_tokens < 1:
            raise UsageError(
                f"an answer of {one.max_new_tokens} tokens says nothing.",
                hint="Give a number of tokens of at least 1, or none.",
            )
    latest = latest_of(parts.indices, ask.within)
    return Request(
        ask=ask,
        indices=narrowed(chosen(latest.indices, ask), ask.where),
        decoder=relying(parts.decoder, ask.reliance, name=parts.decoder_name),
        deadline=ask.deadline
        or Deadline.within(ask.deadline_s, parts.answer_seconds, clock=parts.clock),
        notes=(*latest.notes, *_empty(latest.indices, ask)),
    )


def _empty(indices: Mapping[str, Searchable], ask: Ask) -> list[str]:
    """Say which of the indexes that are asked for by name hold nothing yet."""
    if ask.within is None or ask.indexes is None:
        return []
    return [f"nothing stands in {name} yet" for name in ask.indexes if name not in indices]


def chosen(indices: Mapping[str, Searchable], ask: Ask) -> Mapping[str, Searchable]:
    """Return the indexes that a request asks for.

    Args:
        indices: Those that there are for whoever asks, by what they are called.
        ask: What is asked for; of what it may look in, some may hold nothing yet.

    Raises:
        UnknownNameError: one is not there.
    """
    if ask.indexes is None:
        return indices
    known = indices if ask.within is None else ask.within
    for name in ask.indexes:
        if name not in known:
            raise UnknownNameError("index", name, known)
    return {name: indices[name] for name in ask.indexes if name in indices}
