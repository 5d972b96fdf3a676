"""The values that pass between the rooms of the house. All of them are frozen.

Change one with `dataclasses.replace(hit, score=s)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Alternative",
    "Answer",
    "Candidate",
    "Citation",
    "Conflict",
    "Degradation",
    "Evidence",
    "ExpertChoice",
    "Finding",
    "Group",
    "Hit",
    "Judged",
    "Knowledge",
    "Opinion",
    "Passage",
    "Question",
    "Reason",
    "Recalled",
    "Relation",
    "Retrieval",
    "Route",
    "RouteChoice",
    "Side",
    "TokenTrace",
    "Usage",
    "Verdict",
]

Reason = Literal[
    "parametric",
    "contextual",
    "contrast",
    "disagreement",
    "no_knowledge",
    "insufficient",
    "conflict",
    "unverified",
]
"""Where an answer comes from, or why there is none.

`disagreement`: passages say different things, and the answer tells of all of them.
`no_knowledge`: neither memory nor passages know; `insufficient`: an answer was there, but not sure
enough; `conflict`: memory and passages say different things, and it cannot be told which is right;
`unverified`: the verifier accepted none of the answers that were tried.
"""

Relation = Literal["duplicate", "ambiguous", "contradicting", "distracting"]
"""How passages of one question relate to each other."""

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
        queries: What to search for, where whoever asks knows better; empty leaves it to the gate,
            or to the question itself.
        meta: Whatever else its source said.
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    contexts: tuple[Passage, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    queries: tuple[str, ...] = ()


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

    @property
    def pages(self) -> dict[str, int]:
        """`page` of the document where it begins, `last_page` if it ends on another; or nothing.

        What a source says that is no number of a page, is none.
        """
        numbers = {name: self.meta.get(name) for name in ("page", "last_page")}
        return {name: n for name, n in numbers.items() if type(n) is int}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Who found a passage: a retriever, its rank and its score, comparable only inside it."""

    retriever: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """An answer that was given before, to a question that asks the same.

    Attributes:
        answer: The words; never empty.
        p_right: Probability in [0, 1] that it is right here, too.
        calibrated: Whether that was learned of labelled questions.
    """

    answer: str
    p_right: float
    calibrated: bool


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
        recalled: What may be answered without reading it, where it is a question that was
            answered before, and near enough.
    """

    passage: Passage
    retriever: str
    score: float
    rank: int
    similarity: float | None = None
    why: str = ""
    found_by: tuple[Finding, ...] = ()
    recalled: Recalled | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A hit that the filters have judged.

    Attributes:
        hit: The hit; its passage's text may have been cut to sentences.
        kept: Whether the model will read it.
        support: Calibrated probability that the passage contains the answer, if a filter said so.
        why: The reason, in words.
        spans: Where the passage's text stood in the text as it was found, piece by piece:
            characters from, and up to but not including. Empty where the text is whole.
    """

    hit: Hit
    kept: bool = True
    support: float | None = None
    why: str = "kept"
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Passages of one question that belong together.

    Attributes:
        passages: Index and id of each, in the order of their rank.
        relation: `duplicate`: they say the same, and the first one is kept. `ambiguous`: they
            speak of another bearer of a name than other groups do. `contradicting`: they answer
            otherwise than other groups do. `distracting`: they have to do with no other passage.
        reason: What tells so, in words.
        apart: Whether the group is read and answered on its own.
    """

    passages: tuple[tuple[str, str], ...]
    relation: Relation
    reason: str
    apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What retrieval and filters make of one question.

    Attributes:
        judged: All hits in the order of their rank, kept and dropped.
        groups: Which passages belong together, where a filter said so.
        support: Calibrated probability that the kept passages contain the answer; None when no
            filter says so.
        notes: Filters that were left out, and why.
    """

    judged: tuple[Judged, ...] = ()
    support: float | None = None
    groups: tuple[Group, ...] = ()
    notes: tuple[Degradation, ...] = ()

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
class Candidate:
    """A generator expert that might have answered, the score it was ranked by, and why."""

    name: str
    score: float
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertChoice:
    """The generator expert that answers.

    Attributes:
        name: Of the expert.
        score: What chose it, higher is better; a probability in [0, 1] where the router gives
            one, and 1 where there was nobody else.
        router: Who chose; empty where there was nothing to choose.
        candidates: Who was considered, in the order in which they were to be asked; empty where
            there was nothing to choose.
    """

    name: str
    score: float = 1.0
    router: str = ""
    candidates: tuple[Candidate, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain dicts, lists, strings and numbers."""
        out: dict[str, Any] = {"name": self.name, "score": round(self.score, 4)}
        if self.router:
            out["router"] = self.router
        if self.candidates:
            out["candidates"] = [
                {"name": one.name, "score": round(one.score, 4)}
                | ({"why": one.why} if one.why else {})
                for one in self.candidates
            ]
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What one of several experts contributed to an answer that they gave together.

    Attributes:
        expert: Its name.
        answer: What it said by itself; None where it abstained, could not answer, or spoke token
            by token with the others.
        confidence: How likely it held that to be right, in [0, 1]; None where it said nothing by
            itself.
        weight: How much its word counted; None where it counted nothing.
        why: How that came about, in words.
    """

    expert: str
    answer: str | None
    confidence: float | None = None
    weight: float | None = None
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain strings and numbers; what there is none of is absent."""
        figures = {"confidence": self.confidence, "weight": self.weight}
        return (
            {"expert": self.expert, "answer": self.answer}
            | {name: round(value, 4) for name, value in figures.items() if value is not None}
            | ({"why": self.why} if self.why else {})
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a question was sent.

    Attributes:
        expert: Who answers; of several that answer together, the one whose words are given.
        retrievers: Where it was looked up.
        opinions: What each of several experts said that were asked; empty where one answers
            alone.
    """

    expert: ExpertChoice
    retrievers: tuple[RouteChoice, ...] = ()
    opinions: tuple[Opinion, ...] = ()


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
class Side:
    """One side of a disagreement between passages.

    Attributes:
        answer: What its passages say.
        confidence: Probability in [0, 1] that it is right, and the other sides are not.
        passages: Index and id of each passage that says so, or was read with those that do.
        citations: Where it stands; answer offsets are those in the answer that is given.
    """

    answer: str
    confidence: float
    passages: tuple[tuple[str, str], ...]
    citations: tuple[Citation, ...]


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
        p_memory: P(the answer from memory is right), where both answers were weighed.
        p_passages: P(the answer from passages is right), where both were.
        p_conflict: P(exactly one of them is right), where both were.
    """

    closed_book_answer: str | None
    divergence: float | None
    strategy: str
    trust: float | None = None
    p_memory: float | None = None
    p_passages: float | None = None
    p_conflict: float | None = None


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
        experts: How much each expert counted, by its name, where several spoke together.
    """

    text: str
    logprob: float
    alpha: float | None = None
    entropy_closed: float | None = None
    entropy_context: float | None = None
    divergence: float | None = None
    alternatives: tuple[Alternative, ...] = ()
    alternatives_closed: tuple[Alternative, ...] = ()
    experts: Mapping[str, float] = field(default_factory=dict)


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
        disagreement: What the passages say where they do not agree, the likeliest side first;
            empty where they do, or nobody compared them.
        hint: What would help, such as adding an index.
        uncited: Where in the answer, as characters, claims stand that nothing is cited for; empty
            where the answer is not from passages.
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
    disagreement: tuple[Side, ...] = ()
    uncited: tuple[tuple[int, int], ...] = ()

    @property
    def claim(self) -> str | None:
        """What `confidence` speaks of: the text, or of several sides the likeliest.

        Figures go by it, so that telling of everything wins nothing.
        """
        return self.disagreement[0].answer if self.disagreement else self.text

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
                "expert": self.route.expert.to_json(),
                **(
                    {"opinions": [one.to_json() for one in self.route.opinions]}
                    if self.route.opinions
                    else {}
                ),
            },
            "passages": [_passage_json(judged) for judged in self.evidence.judged],
            "citations": [_citation_json(citation) for citation in self.citations],
            **(
                {"uncited": [{"start": start, "end": end} for start, end in self.uncited]}
                if self.uncited
                else {}
            ),
            "conflict": {
                "closed_book_answer": self.conflict.closed_book_answer,
                "divergence": _rounded(self.conflict.divergence),
                "strategy": self.conflict.strategy,
            },
        }
        for name in ("trust", "p_memory", "p_passages", "p_conflict"):
            if (value := getattr(self.conflict, name)) is not None:
                out["conflict"][name] = round(value, 4)
        if self.evidence.groups:
            out["groups"] = [
                {
                    "relation": group.relation,
                    "passages": _names_json(group.passages),
                    "reason": group.reason,
                    "apart": group.apart,
                }
                for group in self.evidence.groups
            ]
        if self.disagreement:
            out["disagreement"] = [
                {
                    "answer": side.answer,
                    "confidence": round(side.confidence, 4),
                    "passages": _names_json(side.passages),
                    "citations": [_citation_json(citation) for citation in side.citations],
                }
                for side in self.disagreement
            ]
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


def _citation_json(citation: Citation) -> dict[str, Any]:
    return {
        "passage_id": citation.passage_id,
        "index": citation.index,
        "start": citation.start,
        "end": citation.end,
        "answer_start": citation.answer_start,
        "answer_end": citation.answer_end,
    }


def _names_json(passages: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"passage_id": id_, "index": index} for index, id_ in passages]


def _passage_json(judged: Judged) -> dict[str, Any]:
    hit, passage = judged.hit, judged.hit.passage
    # Of a whole passage there is nothing to say where it was cut.
    cut = {"spans": [list(span) for span in judged.spans]} if judged.spans else {}
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
        **passage.pages,
        **cut,
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
        | ({"experts": _shares_json(token.experts)} if token.experts else {})
    )


def _shares_json(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in shares.items()}


def _alternative_json(one: Alternative) -> dict[str, Any]:
    return {"text": one.text, "probability": round(one.probability, 4)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
