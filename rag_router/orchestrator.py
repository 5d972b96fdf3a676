"""The stages in order: normalise, gate, retrieve, filter, policy, decode, cite.

It knows the contracts of the rooms and none of their members, no HTTP and no files. Everything is
batched, and nothing of one question depends on another: an answer is the same alone, in a batch,
and in any order of the batch.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rag_router import telemetry
from rag_router.decoders import Strategy
from rag_router.errors import QuestionError, SettingsError, UnknownNameError
from rag_router.experts import Expert
from rag_router.filters import Filter, FilterContext, cite, run_filters
from rag_router.gates import Gate, assess
from rag_router.models.base import Embedder
from rag_router.models.distributions import divergence
from rag_router.models.prompts import Prompt, contextual_prompt
from rag_router.models.streams import Facts, Generation, OneStream, Started, Task, decode, start
from rag_router.policy import Plan, Policy, Sureness
from rag_router.retrievers import Retriever, Searchable, make_queries
from rag_router.signals import Board, ClosedBookAnswer, ClosedBookPass, Partners
from rag_router.text import without_hidden
from rag_router.types import (
    Answer,
    Citation,
    Conflict,
    Degradation,
    Evidence,
    ExpertChoice,
    Hit,
    Judged,
    Knowledge,
    Question,
    Reason,
    Retrieval,
    Route,
    RouteChoice,
    TokenTrace,
    Usage,
    Verdict,
)

__all__ = ["Ask", "Orchestrator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one request wants otherwise than the service's settings.

    Attributes:
        retrieval: Let the gate decide, or overrule it.
        indexes: Names of the indexes to look in; None means all there are.
        tokens: Whether to return the per-token trace.
        cancelled: Asked between decoding steps; true stops everything.
    """

    retrieval: Retrieval = "auto"
    indexes: tuple[str, ...] | None = None
    tokens: bool = False
    cancelled: Callable[[], bool] | None = None


@dataclass(slots=True)
class _Work:
    """What is known so far about one question."""

    question: Question
    verdict: Verdict
    notes: list[Degradation]
    retrieve: bool = False
    retrievers: tuple[RouteChoice, ...] = ()
    calls: int = 0
    evidence: Evidence = field(default_factory=Evidence)
    plan: Plan = "abstain"
    context: Started | None = None
    prompt: Prompt | None = None
    divergence: float | None = None
    agreed: bool = False
    generation: Generation | None = None
    decoded_rows: int = 0
    confidence: float = 0.0
    citations: tuple[Citation, ...] = ()

    @property
    def from_passages(self) -> bool:
        """Whether the passages were read, and had their say in what was decided."""
        return self.context is not None and self.plan != "parametric"


@dataclass(frozen=True, kw_only=True)
class Orchestrator:
    """Answers questions with one expert, one gate, one retriever over some indexes.

    Attributes:
        expert: Who answers.
        gate: Whether it knows.
        decoder: How its memory and the passages are weighed.
        retriever: Where to look; None where there is nothing to look in.
        indices: What to look in, by name.
        embedder: Embeds questions for the retriever; None where there is no retriever.
        proxy: A small model that gates may ask in the expert's place.
        filters: What is worth reading, in order.
        policy: Who may answer.
        sureness: How sure an answer from passages is.
        message: What a person reads when it does not know.
        max_new_tokens: Longest answer.
        batch_size: Most questions in one forward pass.
        question_characters: Longest question accepted.
        seed: Of everything that is drawn at random.
        gate_name: What the gate is called in answers.
        decoder_name: What the decoder is called in answers.
    """

    expert: Expert
    gate: Gate
    decoder: Strategy
    retriever: Retriever | None = None
    indices: Mapping[str, Searchable] = field(default_factory=dict)
    embedder: Embedder | None = None
    proxy: Expert | None = None
    filters: tuple[Filter, ...] = ()
    policy: Policy = field(default_factory=Policy)
    sureness: Sureness = field(default_factory=Sureness)
    message: str = "I don't know."
    max_new_tokens: int = 24
    batch_size: int = 8
    question_characters: int = 10_000
    seed: int = 0
    gate_name: str = "gate"
    decoder_name: str = "decoder"
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def answer(self, questions: Sequence[Question | str], ask: Ask | None = None) -> list[Answer]:
        """Answer questions, in order.

        Raises:
            QuestionError: a question is empty or too long; none is answered then.
            UnknownNameError: an index named in `ask` is not there.
        """
        ask = ask or Ask()
        asked = [self._normalise(q, number) for number, q in enumerate(questions, start=1)]
        indices = self._chosen(ask.indexes)
        answers: list[Answer] = []
        # Models take one batch at a time: two at once would only share the same cores.
        with self._turn:
            for at in range(0, len(asked), self.batch_size):
                answers += self._answer_batch(asked[at : at + self.batch_size], ask, indices)
        return answers

    def _answer_batch(
        self,
        asked: Sequence[tuple[Question, tuple[Degradation, ...]]],
        ask: Ask,
        indices: Mapping[str, Searchable],
    ) -> list[Answer]:
        watch = telemetry.Stopwatch()
        with watch.stage("route"):
            route = ExpertChoice(name=self.expert.name)
        with watch.stage("gate"):
            board, work = self._gate(asked)
        with watch.stage("retrieve"):
            self._retrieve(work, ask, indices)
        with watch.stage("filter"):
            self._filter(work)
        with watch.stage("decode"):
            self._read_passages(work, board)
            self._decode(work, board, ask)
        with watch.stage("verify"):
            answers = [
                self._answer(
                    one, row, board=board, ask=ask, expert=route, has_indices=bool(indices)
                )
                for row, one in enumerate(work)
            ]
        timings = {**watch.ms, "total": watch.total()}
        for answer in answers:
            telemetry.count(telemetry.ANSWERS, reason=answer.reason)
            telemetry.count(telemetry.FORWARD_PASSES, answer.usage.lm_forward_passes)
            telemetry.count(telemetry.RETRIEVER_CALLS, answer.usage.retriever_calls)
            for note in answer.degraded:
                telemetry.count(telemetry.DEGRADED, stage=note.stage)
        return [replace(answer, timings_ms=timings) for answer in answers]

    # --- the stages -----------------------------------------------------------------------

    def _normalise(
        self, question: Question | str, number: int
    ) -> tuple[Question, tuple[Degradation, ...]]:
        if isinstance(question, str):
            question = Question(id=str(number), text=question)
        text = unicodedata.normalize("NFC", question.text)
        if len(text) > self.question_characters:
            raise QuestionError(
                f"question {question.id} has {len(text):,} characters; "
                f"at most {self.question_characters:,} are taken.",
                hint="Shorten it, or give the long text as a document.",
            )
        visible = without_hidden(text)
        notes: tuple[Degradation, ...] = ()
        if hidden := len(text) - len(visible):
            what = f"{hidden} hidden or control character(s) removed"
            notes = (Degradation(stage="question", what=what),)
        cleaned = " ".join(visible.split())
        if not cleaned:
            raise QuestionError(
                f"question {question.id} is empty.",
                hint="Ask something, such as 'Who wrote Hamlet?'",
            )
        return replace(question, text=cleaned), notes

    def _chosen(self, names: tuple[str, ...] | None) -> Mapping[str, Searchable]:
        if names is None:
            return self.indices
        for name in names:
            if name not in self.indices:
                raise UnknownNameError("index", name, self.indices)
        return {name: self.indices[name] for name in names}

    def _gate(
        self, asked: Sequence[tuple[Question, tuple[Degradation, ...]]]
    ) -> tuple[Board, list[_Work]]:
        board = Board(
            self.expert.model,
            self.expert.style,
            [question for question, _ in asked],
            batch_size=self.batch_size,
            partners=Partners(
                proxy=None if self.proxy is None else (self.proxy.model, self.proxy.style),
                embedder=self.embedder,
            ),
            seed=self.seed,
        )
        board.read(ClosedBookPass(), range(len(asked)))
        verdicts = assess(self.gate, board)
        work = [
            _Work(question, verdict, list(notes))
            for (question, notes), verdict in zip(asked, verdicts, strict=True)
        ]
        if not self.gate.fitted:
            what = (
                f"{self.gate_name} is not fitted for {self.expert.name}: p_know is not calibrated"
            )
            for one in work:
                one.notes.append(Degradation(stage="gate", what=what))
        return board, work

    def _retrieve(self, work: list[_Work], ask: Ask, indices: Mapping[str, Searchable]) -> None:
        for one in work:
            wanted = one.verdict.retrieve if ask.retrieval == "auto" else ask.retrieval == "always"
            one.retrieve = wanted and bool(indices or one.question.contexts)
            if ask.retrieval == "always" and not one.retrieve:
                what = "retrieval was asked for, but there is nothing to look in"
                one.notes.append(Degradation(stage="retrieve", what=what))
        given = [one for one in work if one.retrieve and not indices]
        for one in given:
            one.evidence = _as_evidence(self._given_hits(one.question))
            one.retrievers = (RouteChoice(name="given"),)
        looking = [one for one in work if one.retrieve and indices]
        if not looking:
            return
        if self.retriever is None or self.embedder is None:
            raise SettingsError("there are indexes, but no retriever to look in them.")
        texts = [text for one in looking for text in one.verdict.queries or (one.question.text,)]
        owners = [one for one in looking for _ in one.verdict.queries or (one.question.text,)]
        queries = make_queries(texts, self.embedder)
        found = self.retriever.retrieve(queries, tuple(indices.values()))
        hits: dict[int, list[Hit]] = {}
        for one, line in zip(owners, found, strict=True):
            hits.setdefault(id(one), []).extend(line)
            one.calls += self.retriever.calls * len(indices)
        for one in looking:
            one.evidence = _as_evidence(_merged(hits[id(one)]))
            one.retrievers = (RouteChoice(name=self.retriever.name),)

    def _given_hits(self, question: Question) -> list[Hit]:
        similarity: list[float | None] = [None] * len(question.contexts)
        if self.embedder is not None and question.contexts:
            one = self.embedder.encode_queries([question.text])[0]
            many = self.embedder.encode_passages([p.text for p in question.contexts])
            similarity = [float(s) for s in many @ one]
        return [
            Hit(passage=passage, retriever="given", score=1 / rank, rank=rank, similarity=s)
            for rank, (passage, s) in enumerate(
                zip(question.contexts, similarity, strict=True), start=1
            )
        ]

    def _filter(self, work: list[_Work]) -> None:
        model = self.expert.model
        context = FilterContext(lambda text: len(model.encode(text, begin=False)))
        some = [one for one in work if one.evidence.judged]
        evidence = run_filters(
            self.filters,
            [one.question.text for one in some],
            [[j.hit for j in one.evidence.judged] for one in some],
            context,
        )
        for one, judged in zip(some, evidence, strict=True):
            one.evidence = judged
            for unfitted in (f for f in self.filters if not f.fitted):
                name = type(unfitted).__name__
                what = f"{name} is not fitted for this embedder: support is not calibrated"
                one.notes.append(Degradation(stage="filter", what=what))
        for one in work:
            one.plan = self.policy.before(
                one.verdict, one.evidence.support, has_passages=bool(one.evidence.kept)
            )

    def _read_passages(self, work: list[_Work], board: Board) -> None:
        """Read question and passages together, and let the policy look at what they change."""
        reading = [
            (row, one) for row, one in enumerate(work) if one.plan in ("contextual", "contrast")
        ]
        if not reading:
            return
        style = self.expert.style
        for _, one in reading:
            passages = [j.hit.passage for j in one.evidence.kept]
            one.prompt = contextual_prompt(self.expert.model, style, one.question.text, passages)
            one.notes += [Degradation(stage="prompt", what=what) for what in one.prompt.cut]
        prompts = [one.prompt for _, one in reading if one.prompt]
        streams = start(
            self.expert.model.prefill(
                [prompt.ids for prompt in prompts], shared=[prompt.shared for prompt in prompts]
            )
        )
        passes = board.read(ClosedBookPass(), [row for row, _ in reading])
        for (_, one), context, closed in zip(reading, streams, passes, strict=True):
            one.context = context
            one.divergence = float(
                divergence(context.logits[None], closed.stream.logits[None]).item()
            )
            one.agreed = self.policy.agree(one.divergence)

    def _decode(self, work: list[_Work], board: Board, ask: Ask) -> None:
        """Decode every answer that is still to be decoded, all of them together."""
        tasks: list[tuple[_Work, Task]] = []
        for row, one in enumerate(work):
            if one.plan == "abstain":
                continue
            if one.plan == "parametric" and self._decoded_already(board, row):
                one.generation = board.read(self._closed_answer, [row])[0]
                continue
            tasks.append((one, self._task(one, row, board, ask)))
        generations = decode(
            self.expert.model, [task for _, task in tasks], cancelled=ask.cancelled
        )
        for (one, _), generation in zip(tasks, generations, strict=True):
            one.generation = generation
            one.decoded_rows = generation.forward_rows
        self._judge_answers(work, board)

    def _task(self, one: _Work, row: int, board: Board, ask: Ask) -> Task:
        closed = board.read(ClosedBookPass(), [row])[0]
        if one.context is None or one.prompt is None:
            return Task(
                streams={"closed": closed.stream},
                strategy=OneStream("closed"),
                max_new_tokens=self.max_new_tokens,
                stop=closed.prompt.stop,
                trace=ask.tokens,
            )
        return Task(
            streams={"closed": closed.stream, "context": one.context},
            strategy=OneStream("context") if one.agreed else self.decoder,
            facts=Facts(p_know=one.verdict.p_know, support=one.evidence.support),
            max_new_tokens=self.max_new_tokens,
            stop=one.prompt.stop,
            trace=ask.tokens,
        )

    def _judge_answers(self, work: list[_Work], board: Board) -> None:
        """Say how sure each answer is; what is not sure enough gives way to memory, or nothing."""
        read = [one for one in work if one.generation and one.context is not None]
        sure = self.sureness(
            [one.evidence.support if one.evidence.support is not None else 1.0 for one in read],
            [[t.logprob for t in one.generation.tokens] for one in read if one.generation],
        )
        for one, p in zip(read, sure, strict=True):
            one.confidence = p
            if not self.sureness.fitted:
                what = f"confidence of {self.expert.name} with passages is not calibrated"
                one.notes.append(Degradation(stage="decode", what=what))
        for row, one in enumerate(work):
            if one.generation is None:
                continue
            if one.context is not None and one.generation.text:
                one.citations = cite(one.generation.text, one.evidence.kept)
                if not one.citations:
                    # What no passage says is memory's word, and worth no more than that.
                    one.confidence = min(one.confidence, one.verdict.p_know)
                    what = "the answer stands in no passage that was read"
                    one.notes.append(Degradation(stage="verify", what=what))
            # A figure that is not calibrated decides nothing.
            if one.context is not None and self.sureness.fitted:
                one.plan = self.policy.settle(one.plan, one.verdict.p_know, one.confidence)
                if one.plan == "parametric":
                    one.generation = board.read(self._closed_answer, [row])[0]
            if one.plan == "parametric":
                one.confidence = one.verdict.p_know
            if not one.generation.text:
                one.plan = "abstain"

    # --- putting the answer together ------------------------------------------------------

    @property
    def _closed_answer(self) -> ClosedBookAnswer:
        return ClosedBookAnswer(self.max_new_tokens)

    def _decoded_already(self, board: Board, row: int) -> bool:
        return board.has(self._closed_answer, row)

    def _answer(
        self,
        one: _Work,
        row: int,
        *,
        board: Board,
        ask: Ask,
        expert: ExpertChoice,
        has_indices: bool,
    ) -> Answer:
        generation, abstained = one.generation, one.plan == "abstain"
        text = generation.text if generation is not None and not abstained else None
        cost = board.cost(row)
        closed = board.read(ClosedBookPass(), [row])[0]
        context_tokens = one.context.tokens if one.context is not None else 0
        memory = (
            board.read(self._closed_answer, [row])[0].text
            if self._decoded_already(board, row)
            else None
        )
        tokens: tuple[TokenTrace, ...] | None = None
        if ask.tokens:
            tokens = generation.tokens if generation is not None and text is not None else ()
        return Answer(
            id=one.question.id,
            question=one.question.text,
            text=text,
            abstained=abstained,
            reason=self._reason(one),
            confidence=1 - max(one.confidence, one.verdict.p_know) if abstained else one.confidence,
            knowledge=Knowledge(
                gate=self.gate_name,
                p_know=one.verdict.p_know,
                threshold=one.verdict.threshold,
                retrieve=one.retrieve,
                reason=_retrieval_reason(one, ask),
                advised=one.verdict.retrieve,
                signals=one.verdict.signals,
                extra_prefill_tokens=cost.prefill_tokens,
                extra_decode_steps=cost.decode_steps,
            ),
            route=Route(expert=expert, retrievers=one.retrievers),
            evidence=one.evidence,
            conflict=Conflict(
                closed_book_answer=memory,
                divergence=one.divergence,
                strategy=self.decoder_name if one.from_passages else "closed_book",
            ),
            usage=Usage(
                prompt_tokens=closed.stream.tokens + context_tokens + cost.prefill_tokens,
                completion_tokens=len(generation.tokens) if generation and text else 0,
                lm_forward_passes=cost.forward_rows
                + (1 if one.context is not None else 0)
                + one.decoded_rows,
                retriever_calls=one.calls,
            ),
            timings_ms={},
            citations=one.citations if text and one.from_passages else (),
            tokens=tokens,
            degraded=tuple(one.notes),
            message=self.message if text is None else text,
            hint=_hint(abstained, has_indices, ask),
        )

    def _reason(self, one: _Work) -> Reason:
        if one.plan == "abstain":
            return "no_knowledge"
        if one.plan == "parametric":
            return "parametric"
        contrasted = len(self.decoder.streams) > 1 and not one.agreed
        return "contrast" if contrasted else "contextual"


def _as_evidence(hits: Sequence[Hit]) -> Evidence:
    return Evidence(judged=tuple(Judged(hit=hit) for hit in hits))


def _merged(hits: Sequence[Hit]) -> list[Hit]:
    """Merge the hits of several queries of one question: best rank first, each passage once."""
    best: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda h: (h.rank, h.passage.id)):
        best.setdefault(f"{hit.passage.index}\0{hit.passage.id}", hit)
    return [replace(hit, rank=rank) for rank, hit in enumerate(best.values(), start=1)]


def _retrieval_reason(one: _Work, ask: Ask) -> str:
    if ask.retrieval != "auto":
        return f"retrieval is set to {ask.retrieval}"
    if one.verdict.retrieve and not one.retrieve:
        return f"{one.verdict.reason}; there is nothing to look in"
    return one.verdict.reason


def _hint(abstained: bool, has_indices: bool, ask: Ask) -> str:
    if not abstained:
        return ""
    if not has_indices:
        return "No index was searched. Add documents: rag-router index add NAME PATH"
    if ask.retrieval == "never":
        return "Retrieval was set to never."
    return "Nothing in the searched indexes answers this. Add documents that do."
