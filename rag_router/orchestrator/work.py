"""What is known so far about one question, and what the questions of a batch share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rag_router.experts.reading import Prompts
from rag_router.models.prompts import Prompt
from rag_router.models.sampling import Sampling
from rag_router.models.streams import Generation, Heard, Role, Started, Task, decode
from rag_router.orchestrator.ask import Request
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.trusting import TrustWithin
from rag_router.outlook import Outlook
from rag_router.policy import Plan
from rag_router.signals import Board, ClosedBookAnswer, ClosedBookPass
from rag_router.signals.closed_book import ClosedBook
from rag_router.types import (
    Citation,
    Degradation,
    Evidence,
    Opinion,
    Question,
    Reason,
    Recalled,
    RouteChoice,
    Side,
    Verdict,
)

__all__ = ["Batch", "Work"]


@dataclass(slots=True)
class Work:
    """What is known so far about one question; each stage writes its own part.

    Every stage is a function of some works and their batch, and may be called again for those
    that are to go through it once more: what it decides is overwritten, and what it costs adds up.

    Attributes:
        row: The question's row of the board.
        question: What is asked, normalised.
        verdict: What the gate said.
        notes: What was skipped, cut or fell back.
        retrieve: Whether it is looked up.
        unlooked: Why it was not, against what the gate advised; empty otherwise.
        late: Whether the deadline left something undone.
        retrievers: Where it was looked up.
        calls: Retrievers asked.
        evidence: What was found, and what the filters made of it.
        recalled: What was answered before and is given as it is; None where it is answered anew.
        plan: Who is to answer.
        prompts: What is read with passages, by the stream that each prompt begins.
        streams: The same, read.
        sent: Whether they are read by a model behind an endpoint, which keeps its streams.
        read_rows: Prompts with passages that were read.
        read_tokens: Their tokens.
        trust: How far the least trusted source that was read is trusted, in [0, 1].
        divergence: Of the streams before the first token, in nats.
        agreed: Whether they agree, so that there is nothing to contrast.
        generation: The answer, decoded.
        sampling: How the answer is drawn; None takes the likeliest tokens.
        verified: Whether a verifier accepted the answer; None where none was asked.
        decoded_rows: Rows that went through the model to decode it.
        confidence: P(the answer is right).
        outlook: What both answers are worth, where that has been learned.
        unsaid: Why an answer that was there is not given.
        citations: Where the answer stands.
        sides: What the passages say where they disagree, and all of it is told.
        told: How it is told.
        part: Whether it is one of several in the place of a whole question.
        attempt: How many answers were decoded for it.
        alone: The question alone, as it was read once more where a request tells the model
            something before; None where it was not.
    """

    row: int
    question: Question
    verdict: Verdict
    notes: list[Degradation]
    retrieve: bool = False
    unlooked: str = ""
    late: bool = False
    retrievers: tuple[RouteChoice, ...] = ()
    calls: int = 0
    evidence: Evidence = field(default_factory=Evidence)
    recalled: Recalled | None = None
    plan: Plan = "abstain"
    prompts: Prompts = field(default_factory=dict)
    streams: Mapping[Role, Started] = field(default_factory=dict)
    sent: bool = False
    read_rows: int = 0
    read_tokens: int = 0
    trust: float | None = None
    divergence: float | None = None
    agreed: bool = False
    generation: Generation | None = None
    sampling: Sampling | None = None
    verified: bool | None = None
    decoded_rows: int = 0
    confidence: float = 0.0
    outlook: Outlook | None = None
    unsaid: Reason = "no_knowledge"
    citations: tuple[Citation, ...] = ()
    sides: tuple[Side, ...] = ()
    told: str = ""
    part: bool = False
    attempt: int = 0
    alone: tuple[Prompt, Started] | None = None

    @property
    def queries(self) -> tuple[str, ...]:
        """What to search for in place of the question; empty where it is searched for itself."""
        return self.verdict.queries or self.question.queries

    @property
    def read(self) -> bool:
        """Whether the passages were read."""
        return self.sent or bool(self.streams)

    @property
    def from_passages(self) -> bool:
        """Whether passages, read now or before, had their say in what was decided."""
        return self.recalled is not None or (self.read and self.plan != "parametric")

    @property
    def text(self) -> str | None:
        """The answer as it is given; None where there is none."""
        if self.recalled is not None:
            return self.recalled.answer
        if self.plan == "abstain" or self.generation is None:
            return None
        return self.told if self.sides else self.generation.text

    def note(self, stage: str, what: str) -> None:
        """Write down what was skipped, cut or fell back; once is enough."""
        if (note := Degradation(stage=stage, what=what)) not in self.notes:
            self.notes.append(note)


@dataclass(frozen=True, slots=True)
class Batch:
    """What the questions of one batch share.

    Attributes:
        parts: Who does the work.
        request: What was asked for.
        board: What the expert is known to know about each question.
        first: Place of its first question among all that were asked together.
    """

    parts: Composition
    request: Request
    board: Board
    first: int = 0

    @property
    def trust(self) -> Mapping[str, float]:
        """How far each source is trusted, in [0, 1], by what it is called here."""
        within = self.request.ask.within
        return self.parts.trust if within is None else TrustWithin(self.parts.trust, within)

    def closed(self, one: Work) -> ClosedBook:
        """The pass of the expert over the question alone."""
        return self.board.read(ClosedBookPass(), [one.row])[0]

    def alone_tokens(self, one: Work) -> int:
        """Tokens of the question alone, where it was read in a pass of its own; else 0."""
        there = self.board.has(ClosedBookPass(), one.row)
        return self.closed(one).stream.tokens if there else 0

    def closed_prompt(self, one: Work) -> Prompt | None:
        """The question alone as it was read; None where nobody has read it alone."""
        there = self.board.has(ClosedBookPass(), one.row)
        return self.closed(one).prompt if there else None

    def closed_tokens(self, one: Work) -> int:
        """Tokens of the question alone, or its characters where nobody has read it alone."""
        prompt = self.closed_prompt(one)
        return len(one.question.text) if prompt is None else len(prompt.ids)

    def decode(
        self, tasks: Sequence[tuple[Work, Task]], heard: Heard | None = None
    ) -> list[Generation]:
        """Decode answers, all of them in one loop; `heard` hears of every piece."""
        return decode(
            self.parts.expert.model,
            [task for _, task in tasks],
            heard=heard,
            cancelled=self.request.ask.cancelled,
        )

    def opinions(self, one: Work) -> tuple[Opinion, ...]:
        """What each of several experts contributed; nothing where one answers alone."""
        del one
        return ()

    def from_memory(self, one: Work) -> Generation:
        """What the expert answers from memory; decoded now where nobody asked before."""
        return self.board.read(self._memory, [one.row])[0]

    def all_from_memory(self, work: Sequence[Work]) -> list[Generation]:
        """What it answers from memory to several questions, decoded together."""
        return self.board.read(self._memory, [one.row for one in work])

    def remembered(self, one: Work) -> bool:
        """Whether somebody has asked already what it answers from memory."""
        return self.board.has(self._memory, one.row)

    @property
    def _memory(self) -> ClosedBookAnswer:
        return ClosedBookAnswer(self.parts.max_new_tokens)
