"""The stages in order: normalise, gate, retrieve, filter, policy, decode, cite.

It knows the contracts of the rooms and none of their members, no HTTP and no files. Everything is
batched, and nothing of one question depends on another: an answer is the same alone, in a batch,
and in any order of the batch.
"""

from __future__ import annotations

import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rag_router import telemetry
from rag_router.decoders import Strategy
from rag_router.decoders.knob import relying
from rag_router.decoders.learning import FittedDecoder
from rag_router.errors import QuestionError, SettingsError, UnknownNameError, UsageError
from rag_router.experts import Expert
from rag_router.experts.deadline import Clock, Deadline
from rag_router.experts.reading import Prompts, as_read, prompts_with_passages, read_prompts
from rag_router.filters import Filter, FilterContext, cite, run_filters
from rag_router.filters.blank import BLANK, BlankFilter
from rag_router.gates import Gate, assess
from rag_router.indices.narrowing import narrowed
from rag_router.indices.where import Where
from rag_router.models.base import Embedder
from rag_router.models.distributions import divergence
from rag_router.models.prompts import ABSTENTION, Prompt
from rag_router.models.strategies import layers_of
from rag_router.models.streams import Facts, Generation, OneStream, Role, Started, Task, decode
from rag_router.policy import Plan, Policy, Sureness
from rag_router.retrievers import Query, Retriever, Searchable, make_queries
from rag_router.retrievers.equipment import lacking
from rag_router.retrievers.routing import RoutingRetriever
from rag_router.scoring import first_line, normalise
from rag_router.settings import GIVEN
from rag_router.signals import Board, ClosedBookAnswer, ClosedBookPass, Partners
from rag_router.signals.question_embedding import QuestionEmbedding
from rag_router.signals.refusals import is_refusal
from rag_router.text import as_data, without_hidden
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

_MORE_TIME: Final = "There was not enough time. Ask again, with more of it."
_STAGES: Final = ("route", "gate", "retrieve", "filter", "decode", "verify", "total")
_UNKNOWN: Final = 0.5
"""A probability of which nothing is known."""


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
    """

    retrieval: Retrieval = "auto"
    indexes: tuple[str, ...] | None = None
    where: Where | None = None
    tokens: bool = False
    reliance: float | None = None
    deadline_s: float | None = None
    cancelled: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class _Request:
    """A request and what follows from it, for all of its questions."""

    ask: Ask
    indices: Mapping[str, Searchable]
    decoder: Strategy
    deadline: Deadline


@dataclass(slots=True)
class _Work:
    """What is known so far about one question."""

    question: Question
    verdict: Verdict
    notes: list[Degradation]
    retrieve: bool = False
    unlooked: str = ""
    late: bool = False
    retrievers: tuple[RouteChoice, ...] = ()
    calls: int = 0
    evidence: Evidence = field(default_factory=Evidence)
    plan: Plan = "abstain"
    prompts: Prompts = field(default_factory=dict)
    streams: Mapping[Role, Started] = field(default_factory=dict)
    trust: float | None = None
    divergence: float | None = None
    agreed: bool = False
    generation: Generation | None = None
    decoded_rows: int = 0
    confidence: float = 0.0
    citations: tuple[Citation, ...] = ()

    @property
    def read(self) -> bool:
        """Whether the passages were read."""
        return bool(self.streams)

    @property
    def from_passages(self) -> bool:
        """Whether the passages were read, and had their say in what was decided."""
        return self.read and self.plan != "parametric"

    def note(self, stage: str, what: str) -> None:
        """Write down what was skipped, cut or fell back; once is enough."""
        if (note := Degradation(stage=stage, what=what)) not in self.notes:
            self.notes.append(note)


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
        trust: How far each index is trusted, in [0, 1], by its name, and under "given" how far
            passages are that come with a question; 1 where nothing is said.
        message: What a person reads when it does not know.
        max_new_tokens: Longest answer.
        batch_size: Most questions in one forward pass.
        question_characters: Longest question accepted.
        answer_seconds: How long a request may take, > 0; None is as long as it takes.
        clock: What tells whether that time has passed.
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
    trust: Mapping[str, float] = field(default_factory=dict)
    message: str = "I don't know."
    max_new_tokens: int = 24
    batch_size: int = 8
    question_characters: int = 10_000
    answer_seconds: float | None = None
    clock: Clock = field(default=time.monotonic, repr=False, compare=False)
    seed: int = 0
    gate_name: str = "gate"
    decoder_name: str = "decoder"
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def answer(self, questions: Sequence[Question | str], ask: Ask | None = None) -> list[Answer]:
        """Answer questions, in order.

        Raises:
            QuestionError: a question is empty or too long; none is answered then.
            UnknownNameError: an index or field named in `ask` is not there.
            UsageError: `ask` sets what the decoder does not have, or to what cannot be.
        """
        request = self._request(ask or Ask())
        asked = [self._normalise(q, number) for number, q in enumerate(questions, start=1)]
        answers: list[Answer] = []
        # Models take one batch at a time: two at once would only share the same cores.
        with self._turn:
            for at in range(0, len(asked), self.batch_size):
                batch = asked[at : at + self.batch_size]
                if request.deadline.passed():
                    answers += self._told(self._too_late(one, request) for one in batch)
                else:
                    answers += self._told(self._answer_batch(batch, request))
        return answers

    def _request(self, ask: Ask) -> _Request:
        if ask.deadline_s is not None and not ask.deadline_s > 0:
            raise UsageError(
                f"a deadline of {ask.deadline_s} s has passed before anything is asked.",
                hint="Give a number of seconds above 0, or none.",
            )
        return _Request(
            ask=ask,
            indices=narrowed(self._chosen(ask.indexes), ask.where),
            decoder=relying(self.decoder, ask.reliance, name=self.decoder_name),
            deadline=Deadline.within(ask.deadline_s, self.answer_seconds, clock=self.clock),
        )

    def _answer_batch(
        self, asked: Sequence[tuple[Question, tuple[Degradation, ...]]], request: _Request
    ) -> list[Answer]:
        watch = telemetry.Stopwatch()
        with watch.stage("route"):
            route = ExpertChoice(name=self.expert.name)
        with watch.stage("gate"):
            board, work = self._gate(asked, request)
        with watch.stage("retrieve"):
            self._retrieve(work, board, request)
        with watch.stage("filter"):
            self._filter(work, board)
        with watch.stage("decode"):
            self._read_passages(work, board, request)
            self._decode(work, board, request)
        with watch.stage("verify"):
            answers = [
                self._answer(one, row, board=board, request=request, expert=route)
                for row, one in enumerate(work)
            ]
        timings = {**watch.ms, "total": watch.total()}
        return [replace(answer, timings_ms=timings) for answer in answers]

    def _told(self, answers: Iterable[Answer]) -> list[Answer]:
        """Let whoever listens hear of the answers."""
        told = list(answers)
        for answer in told:
            telemetry.count(telemetry.ANSWERS, reason=answer.reason)
            telemetry.count(telemetry.FORWARD_PASSES, answer.usage.lm_forward_passes)
            telemetry.count(telemetry.RETRIEVER_CALLS, answer.usage.retriever_calls)
            for note in answer.degraded:
                telemetry.count(telemetry.DEGRADED, stage=note.stage)
        return told

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
        self, asked: Sequence[tuple[Question, tuple[Degradation, ...]]], request: _Request
    ) -> tuple[Board, list[_Work]]:
        board = Board(
            self.expert.model,
            self.expert.style,
            [question for question, _ in asked],
            batch_size=self.batch_size,
            partners=Partners(
                proxy=None if self.proxy is None else (self.proxy.model, self.proxy.style),
                embedder=self.embedder,
                indexes=tuple(request.indices.values()),
            ),
            seed=self.seed,
            cancelled=request.ask.cancelled,
            deadline=request.deadline.passed,
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
                one.note("gate", what)
        return board, work

    def _retrieve(self, work: list[_Work], board: Board, request: _Request) -> None:
        ask, indices, late = request.ask, request.indices, request.deadline.passed()
        for one in work:
            wanted = one.verdict.retrieve if ask.retrieval == "auto" else ask.retrieval == "always"
            there = bool(indices or one.question.contexts)
            one.retrieve = wanted and there and not late
            if wanted and not there:
                one.unlooked = "there is nothing to look in"
                if ask.retrieval == "always":
                    one.note("retrieve", f"retrieval was asked for, but {one.unlooked}")
            elif wanted and late:
                one.late, one.unlooked = True, f"{request.deadline} before it was looked up"
                one.note("retrieve", one.unlooked)
        given = [one for one in work if one.retrieve and not indices]
        for one in given:
            one.evidence = _as_evidence(self._given_hits(one.question))
            one.retrievers = (RouteChoice(name=GIVEN),)
        looking = [(row, one) for row, one in enumerate(work) if one.retrieve and indices]
        if not looking:
            return
        if self.retriever is None or self.embedder is None:
            raise SettingsError("there are indexes, but no retriever to look in them.")
        _note_lacks(self.retriever, [one for _, one in looking])
        asked = self._queries(looking, board, self.embedder)
        queries, places = [query for _, query in asked], tuple(indices.values())
        if isinstance(self.retriever, RoutingRetriever):
            choices = self.retriever.choose(queries, places)
            found = self.retriever.visit(queries, places, choices)
            calls = [self.retriever.searches(chosen, places) for chosen in choices]
        else:
            choices = [(RouteChoice(name=self.retriever.name),)] * len(queries)
            found = self.retriever.retrieve(queries, places)
            calls = [self.retriever.calls * len(places)] * len(queries)
        hits: dict[int, list[Hit]] = {}
        for (one, _), line, chosen, searches in zip(asked, found, choices, calls, strict=True):
            hits.setdefault(id(one), []).extend(line)
            one.calls += searches
            one.retrievers = _visited(one.retrievers, chosen)
        for _, one in looking:
            one.evidence = _as_evidence(_merged(hits[id(one)]))

    def _queries(
        self, looking: Sequence[tuple[int, _Work]], board: Board, embedder: Embedder
    ) -> list[tuple[_Work, Query]]:
        """Make what is searched for: the questions, or what the gate said instead.

        Gate, router and retriever read one embedding of a question, which is computed once.
        """
        rows = [row for row, one in looking if not one.verdict.queries]
        known = dict(zip(rows, board.read(QuestionEmbedding(), rows), strict=True))
        said = [(one, text) for _, one in looking for text in one.verdict.queries]
        more = make_queries([text for _, text in said], embedder)
        return [
            *(
                (one, Query(one.question.text, known[row].vector))
                for row, one in looking
                if row in known
            ),
            *((one, query) for (one, _), query in zip(said, more, strict=True)),
        ]

    def _given_hits(self, question: Question) -> list[Hit]:
        similarity: dict[int, float] = {}
        legible = [n for n, p in enumerate(question.contexts) if as_data(p.text)]
        if self.embedder is not None and legible:
            one = self.embedder.encode_queries([question.text])[0]
            many = self.embedder.encode_passages([question.contexts[n].text for n in legible])
            similarity = {n: float(s) for n, s in zip(legible, many @ one, strict=True)}
        return [
            Hit(
                passage=passage,
                retriever=GIVEN,
                score=1 / (n + 1),
                rank=n + 1,
                similarity=similarity.get(n),
            )
            for n, passage in enumerate(question.contexts)
        ]

    def _filter(self, work: list[_Work], board: Board) -> None:
        model = self.expert.model
        rows = tuple(row for row, one in enumerate(work) if one.evidence.judged)
        some = [work[row] for row in rows]
        context = FilterContext(lambda text: len(model.encode(text, begin=False)), board, rows)
        evidence = run_filters(
            (BlankFilter(), *self.filters),
            [one.question.text for one in some],
            [[j.hit for j in one.evidence.judged] for one in some],
            context,
        )
        for one, judged in zip(some, evidence, strict=True):
            one.evidence = judged
            for unfitted in (f for f in self.filters if not f.fitted):
                name = type(unfitted).__name__
                one.note(
                    "filter", f"{name} is not fitted for this embedder: support is not calibrated"
                )
            for blank in (j.hit.passage for j in judged.judged if j.why == BLANK):
                one.note("filter", f"passage {blank.id} is not read: {BLANK}")
        for one in work:
            one.plan = self.policy.before(
                one.verdict, one.evidence.support, has_passages=bool(one.evidence.kept)
            )

    def _read_passages(self, work: list[_Work], board: Board, request: _Request) -> None:
        """Read question and passages together, and let the policy look at what they change."""
        reading = [
            (row, one) for row, one in enumerate(work) if one.plan in ("contextual", "contrast")
        ]
        if reading and request.deadline.passed():
            for _, one in reading:
                one.late, one.plan = True, self._without_passages(one)
                one.note("decode", f"{request.deadline} before the passages were read")
            return
        for row, one in reading:
            self._put(one, board.read(ClosedBookPass(), [row])[0].prompt, request)
        reading = [(row, one) for row, one in reading if one.prompts]
        streams = read_prompts(
            self.expert,
            [one.prompts for _, one in reading],
            layers=bool(layers_of(request.decoder)),
        )
        passes = board.read(ClosedBookPass(), [row for row, _ in reading])
        for (_, one), begun, closed in zip(reading, streams, passes, strict=True):
            one.streams = begun
            one.divergence = float(
                divergence(begun["context"].logits[None], closed.stream.logits[None]).item()
            )
            one.agreed = self.policy.agree(one.divergence)

    def _put(self, one: _Work, closed: Prompt, request: _Request) -> None:
        """Make the prompts that are still to be read; passages without room there are not."""
        prompts = prompts_with_passages(
            self.expert,
            one.question.text,
            [j.hit.passage for j in one.evidence.kept],
            request.decoder.streams,
        )
        for what in (what for prompt in prompts.values() for what in prompt.cut):
            one.note("prompt", what)
        one.evidence = as_read(one.evidence, prompts)
        if not one.evidence.kept:
            one.plan = self._without_passages(one)
            return
        # The gate has read the question without its layers; what looks at them reads it again.
        again: Prompts = {"closed": closed} if "closed" in layers_of(request.decoder) else {}
        one.prompts = {**prompts, **again}
        sources = [j.hit.passage.index or GIVEN for j in one.evidence.kept]
        one.trust = min(self.trust.get(source, 1.0) for source in sources)
        if isinstance(request.decoder, FittedDecoder) and not request.decoder.fitted:
            one.note("decode", f"{self.decoder_name} is not fitted for {self.expert.name}")

    def _without_passages(self, one: _Work) -> Plan:
        return self.policy.before(one.verdict, None, has_passages=False)

    def _decode(self, work: list[_Work], board: Board, request: _Request) -> None:
        """Decode every answer that is still to be decoded, all of them together."""
        tasks: list[tuple[_Work, Task]] = []
        for row, one in enumerate(work):
            if one.plan == "abstain":
                continue
            if one.plan == "parametric" and self._decoded_already(board, row):
                one.generation = board.read(self._closed_answer, [row])[0]
                continue
            tasks.append((one, self._task(one, row, board, request)))
        generations = decode(
            self.expert.model, [task for _, task in tasks], cancelled=request.ask.cancelled
        )
        for (one, _), generation in zip(tasks, generations, strict=True):
            one.generation = generation
            one.decoded_rows = generation.forward_rows
            _note_decoding(one, generation, request)
        self._judge_answers(work, board, request)
        for row, one in enumerate(work):
            if self._decoded_already(board, row):
                _note_decoding(one, board.read(self._closed_answer, [row])[0], request)

    def _task(self, one: _Work, row: int, board: Board, request: _Request) -> Task:
        closed = board.read(ClosedBookPass(), [row])[0]
        if not one.read:
            return Task(
                streams={"closed": closed.stream},
                strategy=OneStream("closed"),
                max_new_tokens=self.max_new_tokens,
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
            max_new_tokens=self.max_new_tokens,
            stop=one.prompts["context"].stop,
            trace=request.ask.tokens,
            deadline=request.deadline.passed,
        )

    def _judge_answers(self, work: list[_Work], board: Board, request: _Request) -> None:
        """Say how sure each answer is; what is not sure enough gives way to memory, or nothing."""
        # It was learned of answers of this decoder, as the settings have it.
        calibrated = self.sureness.fitted and request.decoder == self.decoder
        said = [(one, one.generation) for one in work if one.generation and one.read]
        sure = self.sureness(
            [1.0 if one.evidence.support is None else one.evidence.support for one, _ in said],
            [[token.logprob for token in generation.tokens] for _, generation in said],
        )
        for (one, _), p in zip(said, sure, strict=True):
            one.confidence = p
            if not calibrated:
                one.note("decode", self._uncalibrated(request))
        for row, one in enumerate(work):
            if one.generation is None:
                continue
            if _refuses(one.generation.text, request.decoder):
                # However sure the model is of these words, they are no answer.
                one.plan, one.confidence = "abstain", 0.0
                continue
            if one.read and one.generation.text:
                one.citations = cite(one.generation.text, one.evidence.kept)
                if not one.citations:
                    # What no passage says is memory's word, and worth no more than that.
                    one.confidence = min(one.confidence, one.verdict.p_know)
                    one.note("verify", "the answer stands in no passage that was read")
            # A figure that is not calibrated decides nothing.
            if one.read and calibrated:
                one.plan = self.policy.settle(one.plan, one.verdict.p_know, one.confidence)
                if one.plan == "parametric":
                    one.generation = board.read(self._closed_answer, [row])[0]
            if one.plan == "parametric":
                one.confidence = one.verdict.p_know
            if not one.generation.text or _refuses(one.generation.text, request.decoder):
                one.plan = "abstain"

    def _uncalibrated(self, request: _Request) -> str:
        what = f"confidence of {self.expert.name} with passages is not calibrated"
        return f"{what} for reliance {request.ask.reliance}" if self.sureness.fitted else what

    # --- putting the answer together ------------------------------------------------------

    @property
    def _closed_answer(self) -> ClosedBookAnswer:
        return ClosedBookAnswer(self.max_new_tokens)

    def _decoded_already(self, board: Board, row: int) -> bool:
        return board.has(self._closed_answer, row)

    def _answer(
        self, one: _Work, row: int, *, board: Board, request: _Request, expert: ExpertChoice
    ) -> Answer:
        generation, abstained = one.generation, one.plan == "abstain"
        text = generation.text if generation is not None and not abstained else None
        cost = board.cost(row)
        closed = board.read(ClosedBookPass(), [row])[0]
        memory = (
            board.read(self._closed_answer, [row])[0].text
            if self._decoded_already(board, row)
            else None
        )
        tokens: tuple[TokenTrace, ...] | None = None
        if request.ask.tokens:
            tokens = generation.tokens if generation is not None and text is not None else ()
        return Answer(
            id=one.question.id,
            question=one.question.text,
            text=text,
            abstained=abstained,
            reason=_reason(one, request.decoder),
            confidence=1 - max(one.confidence, one.verdict.p_know) if abstained else one.confidence,
            knowledge=Knowledge(
                gate=self.gate_name,
                p_know=one.verdict.p_know,
                threshold=one.verdict.threshold,
                retrieve=one.retrieve,
                reason=_retrieval_reason(one, request.ask),
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
                trust=one.trust,
            ),
            usage=Usage(
                prompt_tokens=closed.stream.tokens
                + sum(stream.tokens for stream in one.streams.values())
                + cost.prefill_tokens,
                completion_tokens=len(generation.tokens) if generation and text else 0,
                lm_forward_passes=cost.forward_rows + len(one.streams) + one.decoded_rows,
                retriever_calls=one.calls,
            ),
            timings_ms={},
            citations=one.citations if text and one.from_passages else (),
            tokens=tokens,
            degraded=tuple(one.notes),
            message=self.message if text is None else text,
            hint=_hint(one, request) if abstained else "",
        )

    def _too_late(
        self, asked: tuple[Question, tuple[Degradation, ...]], request: _Request
    ) -> Answer:
        """Abstain from a question that nobody had the time to begin with."""
        question, notes = asked
        late = f"{request.deadline} before it was begun"
        return Answer(
            id=question.id,
            question=question.text,
            text=None,
            abstained=True,
            reason="no_knowledge",
            confidence=_UNKNOWN,
            knowledge=Knowledge(
                gate=self.gate_name, p_know=_UNKNOWN, threshold=None, retrieve=False, reason=late
            ),
            route=Route(expert=ExpertChoice(name=self.expert.name)),
            evidence=Evidence(),
            conflict=Conflict(closed_book_answer=None, divergence=None, strategy="closed_book"),
            usage=Usage(),
            timings_ms=dict.fromkeys(_STAGES, 0.0),
            tokens=() if request.ask.tokens else None,
            degraded=(*notes, Degradation(stage="gate", what=late)),
            message=self.message,
            hint=_MORE_TIME,
        )


def _note_decoding(one: _Work, generation: Generation, request: _Request) -> None:
    """Write down what decoding did otherwise than it was asked."""
    for what in generation.notes:
        one.note("decode", what)
    if generation.finish == "deadline":
        one.late = True
        said = len(generation.tokens)
        one.note("decode", f"{request.deadline} after {said} token(s), which are all that was said")


def _refuses(text: str, decoder: Strategy) -> bool:
    """Whether an answer says in words that there is none, as models are told to say it."""
    if not text:
        return False
    # Whoever is told to abstain may do so in words of its own. Others may mean a song's title.
    if "abstain" in decoder.streams:
        return is_refusal(text)
    return normalise(first_line(text)) == normalise(ABSTENTION)


def _reason(one: _Work, decoder: Strategy) -> Reason:
    if one.plan == "abstain":
        return "no_knowledge"
    if one.plan == "parametric":
        return "parametric"
    contrasted = len(decoder.streams) > 1 and not one.agreed
    return "contrast" if contrasted else "contextual"


def _as_evidence(hits: Sequence[Hit]) -> Evidence:
    return Evidence(judged=tuple(Judged(hit=hit) for hit in hits))


def _merged(hits: Sequence[Hit]) -> list[Hit]:
    """Merge the hits of several queries of one question: best rank first, each passage once."""
    best: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda h: (h.rank, h.passage.id)):
        best.setdefault(f"{hit.passage.index}\0{hit.passage.id}", hit)
    return [replace(hit, rank=rank) for rank, hit in enumerate(best.values(), start=1)]


def _note_lacks(retriever: Retriever, looking: Sequence[_Work]) -> None:
    for what in lacking(retriever):
        for one in looking:
            one.note("retrieve", what)


def _visited(
    before: Sequence[RouteChoice], chosen: Sequence[RouteChoice]
) -> tuple[RouteChoice, ...]:
    """Put together where several queries of one question went; each place weighs its most."""
    best: dict[str, RouteChoice] = {}
    for choice in (*before, *chosen):
        if choice.name not in best or choice.weight > best[choice.name].weight:
            best[choice.name] = choice
    return tuple(sorted(best.values(), key=lambda choice: (-choice.weight, choice.name)))


def _retrieval_reason(one: _Work, ask: Ask) -> str:
    if ask.retrieval != "auto":
        return f"retrieval is set to {ask.retrieval}"
    return f"{one.verdict.reason}; {one.unlooked}" if one.unlooked else one.verdict.reason


def _hint(one: _Work, request: _Request) -> str:
    if one.late:
        return _MORE_TIME
    if not request.indices:
        return "No index was searched. Add documents: rag-router index add NAME PATH"
    if request.ask.retrieval == "never":
        return "Retrieval was set to never."
    return "Nothing in the searched indexes answers this. Add documents that do."
