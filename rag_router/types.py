"""The values that pass between the rooms of the house. All of them are frozen.

Change one with `dataclasses.replace(hit, score=s)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Alternative",
    "Answer",
    "Citation",
    "Conflict",
    "Degradation",
    "Evidence",
    "ExpertChoice",
    "Finding",
    "Hit",
    "Judged",
    "Knowledge",
    "Passage",
    "Question",
    "Reason",
    "Retrieval",
    "Route",
    "RouteChoice",
    "TokenTrace",
    "Usage",
    "Verdict",
]

Reason = Literal["parametric", "contextual", "contrast", "no_knowledge"]
"""Where an answer comes from; `no_knowledge` when there is none."""

Retrieval = Literal["auto", "always", "never"]
"""Whether to look things up: let the gate decide, or overrule it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question as it was asked, after normalisation.

    Attributes:
        id: Unique within its batch.
        text: What is asked; never empty.
        answers: Accepted answers where known, for fitting and evaluation; never shown to a model.
        contexts: Passages that came with the question.
        meta: Whatever else its source said.
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    contexts: tuple[Passage, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a document, short enough to be shown to a model.

    Attributes:
        id: Unique within its index.
        title: Title of the document, and the headings that lead to the passage.
        text: The passage itself.
        document_id: The document it was cut from.
        index: Name of the index it stands in; empty for passages that came with a question.
        start: Character offset of the passage in its document.
        meta: What the document's source said, and annotations such as `is_gold`.
    """

    id: str
    title: str
    text: str
    document_id: str = ""
    index: str = ""
    start: int = 0
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Who found a passage: a retriever, its rank and its score, comparable only inside it."""

    retriever: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A passage that a retriever found.

    Attributes:
        passage: What was found.
        retriever: Name of the retriever.
        score: Higher is better; comparable only inside one retriever.
        rank: 1 for the best.
        similarity: Cosine between question and passage in [-1, 1], where somebody computed it.
        why: What led to it, such as the matching terms.
        found_by: Who found it, where a retriever asked others; empty where it looked itself.
    """

    passage: Passage
    retriever: str
    score: float
    rank: int
    similarity: float | None = None
    why: str = ""
    found_by: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A hit that the filters have judged.

    Attributes:
        hit: The hit; its passage's text may have been cut to sentences.
        kept: Whether the model will read it.
        support: Calibrated probability that the passage contains the answer, if a filter said so.
        why: The reason, in words.
    """

    hit: Hit
    kept: bool = True
    support: float | None = None
    why: str = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What retrieval and filters make of one question.

    Attributes:
        judged: All hits in the order of their rank, kept and dropped.
        support: Calibrated probability that the kept passages contain the answer; None when no
            filter says so.
    """

    judged: tuple[Judged, ...] = ()
    support: float | None = None

    @property
    def kept(self) -> tuple[Judged, ...]:
        return tuple(j for j in self.judged if j.kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate says about one question.

    Attributes:
        p_know: Calibrated probability in [0, 1] that the model alone answers correctly.
        retrieve: Whether to look the answer up.
        reason: Why, in words.
        threshold: `retrieve` is `p_know < threshold`, where the gate has one.
        p_benefit: Probability that retrieval turns a wrong answer into a right one, where fitted.
        status: The gate's own finer label, where it has one.
        queries: What to search for; empty means the question itself.
        signals: The figures behind the verdict, by name.
    """

    p_know: float
    retrieve: bool
    reason: str
    threshold: float | None = None
    p_benefit: float | None = None
    status: str | None = None
    queries: tuple[str, ...] = ()
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteChoice:
    """One retriever that was chosen, how much its results weigh, in [0, 1], and why."""

    name: str
    weight: float = 1.0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertChoice:
    """The generator expert that answers, and the score that chose it, in [0, 1]."""

    name: str
    score: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a question was sent."""

    expert: ExpertChoice
    retrievers: tuple[RouteChoice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The gate's part of an answer, with what it cost beyond the closed-book pass.

    `advised` is whether the gate advised looking things up; `retrieve` is whether it was done,
    which differs where the request overruled the gate or there was nothing to look in.
    """

    gate: str
    p_know: float
    threshold: float | None
    retrieve: bool
    reason: str
    advised: bool = False
    signals: Mapping[str, float] = field(default_factory=dict)
    extra_prefill_tokens: int = 0
    extra_decode_steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where in a kept passage the answer stands. All offsets are characters, end exclusive.

    A passage is told by its id and its index: two indexes may hold the same document.
    """

    passage_id: str
    index: str = ""
    start: int
    end: int
    answer_start: int
    answer_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """How far memory and passages disagreed.

    Attributes:
        closed_book_answer: What the model says without passages, where that was computed.
        divergence: Jensen-Shannon divergence in nats, in [0, ln 2], between the next-token
            distributions with and without passages, before the first token.
        strategy: The decoder that settled it.
        trust: How far the source of the passages is trusted, in [0, 1]: that of the least trusted
            one that was read. None where none was read.
    """

    closed_book_answer: str | None
    divergence: float | None
    strategy: str
    trust: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A token that could have come next, and its probability in [0, 1]."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrace:
    """One generated token. Figures that need a stream that did not run are absent (None).

    Attributes:
        text: The token as it reads in the answer.
        logprob: Its log-probability, in nats, under the distribution it was chosen from.
        alpha: Weight that the strategy gave to the passages.
        entropy_closed: Entropy of the next token without passages, in nats.
        entropy_context: The same with passages.
        divergence: Jensen-Shannon divergence of the two, in nats.
        alternatives: The likeliest next tokens with passages, the likeliest first.
        alternatives_closed: The same without passages.
    """

    text: str
    logprob: float
    alpha: float | None = None
    entropy_closed: float | None = None
    entropy_context: float | None = None
    divergence: float | None = None
    alternatives: tuple[Alternative, ...] = ()
    alternatives_closed: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer cost.

    Attributes:
        prompt_tokens: Tokens read in all prefills of this question.
        completion_tokens: Tokens of the answer that was given.
        lm_forward_passes: Rows that went through the model: a prefill is one, and so is each
            stream of each step (a step of two streams is 2).
        retriever_calls: Retrievers asked.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    lm_forward_passes: int = 0
    retriever_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """Something that was skipped, cut, fell back or timed out: nothing degrades in silence."""

    stage: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one question, everywhere the same (`to_json` is its one wire form).

    Attributes:
        text: The answer; None exactly when `abstained`.
        confidence: Calibrated probability in [0, 1] that the answer is right; for an abstention,
            that abstaining was right.
        message: What a person reads: the answer, or the configured "I don't know".
        hint: What would help, such as adding an index.
    """

    id: str
    question: str
    text: str | None
    abstained: bool
    reason: Reason
    confidence: float
    knowledge: Knowledge
    route: Route
    evidence: Evidence
    conflict: Conflict
    usage: Usage
    timings_ms: Mapping[str, float]
    citations: tuple[Citation, ...] = ()
    tokens: tuple[TokenTrace, ...] | None = None
    degraded: tuple[Degradation, ...] = ()
    message: str = ""
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the documented JSON form, of plain dicts, lists, strings and numbers."""
        out: dict[str, Any] = {
            "id": self.id,
            "question": self.question,
            "answer": self.text,
            "abstained": self.abstained,
            "reason": self.reason,
            "confidence": round(self.confidence, 4),
            "knowledge": {
                "gate": self.knowledge.gate,
                "p_know": round(self.knowledge.p_know, 4),
                "threshold": self.knowledge.threshold,
                "retrieve": self.knowledge.retrieve,
                "advised": self.knowledge.advised,
                "reason": self.knowledge.reason,
                "signals": {k: round(v, 4) for k, v in self.knowledge.signals.items()},
                "extra_prefill_tokens": self.knowledge.extra_prefill_tokens,
                "extra_decode_steps": self.knowledge.extra_decode_steps,
            },
            "route": {
                "retrievers": [
                    {"name": r.name, "weight": round(r.weight, 4)}
                    | ({"why": r.why} if r.why else {})
                    for r in self.route.retrievers
                ],
                "expert": {
                    "name": self.route.expert.name,
                    "score": round(self.route.expert.score, 4),
                },
            },
            "passages": [_passage_json(judged) for judged in self.evidence.judged],
            "citations": [
                {
                    "passage_id": c.passage_id,
                    "index": c.index,
                    "start": c.start,
                    "end": c.end,
                    "answer_start": c.answer_start,
                    "answer_end": c.answer_end,
                }
                for c in self.citations
            ],
            "conflict": {
                "closed_book_answer": self.conflict.closed_book_answer,
                "divergence": _rounded(self.conflict.divergence),
                "strategy": self.conflict.strategy,
            },
        }
        if self.conflict.trust is not None:
            out["conflict"]["trust"] = round(self.conflict.trust, 4)
        if self.tokens is not None:
            out["tokens"] = [_token_json(token) for token in self.tokens]
        out |= {
            "usage": {
                "prompt_tokens": self.usage.prompt_tokens,
                "completion_tokens": self.usage.completion_tokens,
                "lm_forward_passes": self.usage.lm_forward_passes,
                "retriever_calls": self.usage.retriever_calls,
            },
            "timings_ms": {k: round(v, 2) for k, v in self.timings_ms.items()},
            "degraded": [{"stage": d.stage, "what": d.what} for d in self.degraded],
            "message": self.message,
        }
        if self.hint:
            out["hint"] = self.hint
        return out


def _passage_json(judged: Judged) -> dict[str, Any]:
    hit, passage = judged.hit, judged.hit.passage
    return {
        "id": passage.id,
        "index": passage.index,
        "title": passage.title,
        "text": passage.text,
        "retriever": hit.retriever,
        "score": round(hit.score, 4),
        "support": _rounded(judged.support),
        "kept": judged.kept,
        "why": judged.why,
    }


def _token_json(token: TokenTrace) -> dict[str, Any]:
    # What needs a stream that did not run is absent rather than null.
    figures = {
        "logprob": token.logprob,
        "alpha": token.alpha,
        "entropy_closed": token.entropy_closed,
        "entropy_context": token.entropy_context,
        "divergence": token.divergence,
    }
    likeliest = {
        "alternatives": token.alternatives,
        "alternatives_closed": token.alternatives_closed,
    }
    return (
        {"text": token.text}
        | {k: round(v, 4) for k, v in figures.items() if v is not None}
        | {k: [_alternative_json(one) for one in some] for k, some in likeliest.items() if some}
    )


def _alternative_json(one: Alternative) -> dict[str, Any]:
    return {"text": one.text, "probability": round(one.probability, 4)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
