"""Letting the whole service answer questions, once: what was answered is kept.

A record is kept under everything that an answer depends on: the model, its prompts, every
component with all that it learned, the indexes' contents, the question. An evaluation that was
stopped goes on from its last batch, and the same evaluation again asks no model for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rag_router import __version__
from rag_router.artefacts import fingerprint_of, identity_of
from rag_router.eval.features import contents_of
from rag_router.indices.following import latest_of
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.outcomes import RecordCache
from rag_router.types import Answer, Question

__all__ = ["Record", "answer_questions", "key_of", "setup_of"]

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What an evaluation keeps of an answer.

    Attributes:
        answer: The text; None where it abstained.
        reason: Where the answer is from.
        confidence: In [0, 1].
        p_know: What the gate said.
        retrieve: Whether something was looked up.
        wanted: Whether the gate advised it.
        passages: Ids of the passages that were read, best first.
        prompt_tokens: Tokens read in all prefills.
        completion_tokens: Tokens of the answer.
        lm_forward_passes: Rows that went through the model.
        retriever_calls: Retrievers asked.
        ms: Milliseconds: those of its batch, divided by the questions in it.
        degraded: What was skipped, cut or fell back.
    """

    answer: str | None
    reason: str
    confidence: float
    p_know: float
    retrieve: bool
    wanted: bool
    passages: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    lm_forward_passes: int
    retriever_calls: int
    ms: float
    degraded: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: Answer, *, together: int) -> Record:
        """Take an answer's record; `together` questions shared its batch."""
        return cls(
            answer=answer.claim,
            reason=answer.reason,
            confidence=answer.confidence,
            p_know=answer.knowledge.p_know,
            retrieve=answer.knowledge.retrieve,
            wanted=answer.knowledge.advised,
            passages=tuple(judged.hit.passage.id for judged in answer.evidence.kept),
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
            lm_forward_passes=answer.usage.lm_forward_passes,
            retriever_calls=answer.usage.retriever_calls,
            ms=answer.timings_ms["total"] / together,
            degraded=tuple(f"{note.stage}: {note.what}" for note in answer.degraded),
        )

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Record:
        """Bring back what `asdict` wrote."""
        texts = {name: tuple(row[name]) for name in ("passages", "degraded")}
        return cls(**(row | texts))


def answer_questions(
    orchestrator: Orchestrator,
    questions: Sequence[Question],
    ask: Ask,
    *,
    cache: RecordCache | None = None,
    on_progress: OnProgress | None = None,
) -> list[Record]:
    """Answer every question, in batches of the orchestrator's size.

    Args:
        orchestrator: Who answers.
        questions: With an index, their own contexts are not shown.
        ask: How to answer; whom to ask about cancelling does not matter.
        cache: Where records are kept.
        on_progress: Hears (done, all) after each batch.
    """
    # What is published meanwhile is not what the records are kept under.
    orchestrator = replace(orchestrator, indices=latest_of(orchestrator.indices).indices)
    setup = setup_of(orchestrator, ask)
    searched = orchestrator.indices if ask.indexes is None else ask.indexes
    keys = [key_of(setup, question, shown=not searched) for question in questions]
    known: dict[str, Record] = {}
    if cache is not None:
        kept = cache.get_json(keys)
        known = {key: Record.from_json(row) for key, row in kept.items()}
    unique = dict(zip(keys, questions, strict=True))
    waiting = sorted((k for k in unique if k not in known), key=lambda k: len(unique[k].text))
    size = orchestrator.batch_size
    for at in range(0, len(waiting), size):
        batch = waiting[at : at + size]
        answers = orchestrator.answer([unique[key] for key in batch], ask)
        fresh = {
            key: Record.of(answer, together=len(batch))
            for key, answer in zip(batch, answers, strict=True)
        }
        if cache is not None:
            cache.put_json("answer", {key: asdict(record) for key, record in fresh.items()})
        known |= fresh
        if on_progress is not None:
            on_progress(len(unique) - len(waiting) + at + len(batch), len(unique))
    return [known[key] for key in keys]


def setup_of(orchestrator: Orchestrator, ask: Ask) -> str:
    """A digest of everything that an answer depends on, but for the question."""
    expert, proxy, embedder = orchestrator.expert, orchestrator.proxy, orchestrator.embedder
    return fingerprint_of(
        "answer",
        __version__,
        expert.model.fingerprint,
        expert.style.contextual_fingerprint,
        identity_of(expert.style),
        "" if proxy is None else fingerprint_of(proxy.model.fingerprint, identity_of(proxy.style)),
        "" if embedder is None else embedder.fingerprint,
        identity_of(orchestrator.gate),
        identity_of(orchestrator.decoder),
        identity_of(orchestrator.retriever),
        identity_of(orchestrator.filters),
        identity_of(orchestrator.policy),
        identity_of(orchestrator.sureness),
        *(f"{name} {contents_of(index)}" for name, index in sorted(orchestrator.indices.items())),
        str(orchestrator.max_new_tokens),
        str(orchestrator.seed),
        str(orchestrator.batch_size),
        ask.retrieval,
        repr(ask.indexes),
        *_unusual(orchestrator, ask),
    )


def _unusual(orchestrator: Orchestrator, ask: Ask) -> Iterator[str]:
    """What is set seldom; records kept without any of it stay what they were."""
    if ask.reliance is not None:
        yield f"reliance {ask.reliance}"
    if orchestrator.outlook.fitted:
        yield f"outlook {identity_of(orchestrator.outlook)}"
    if orchestrator.verifier is not None:
        yield f"verify {identity_of(orchestrator.verifier)} {identity_of(orchestrator.rounds)}"
    if orchestrator.trust:
        yield f"trust {identity_of(orchestrator.trust)}"
    for seconds in (ask.deadline_s, orchestrator.answer_seconds):
        if seconds is not None:
            yield f"deadline {seconds}"


def key_of(setup: str, question: Question, *, shown: bool) -> str:
    """A digest of a question and what it depends on; `shown` is whether its contexts count."""
    contexts = identity_of([(p.id, p.title, p.text) for p in question.contexts]) if shown else ""
    return fingerprint_of(setup, question.text, contexts)
