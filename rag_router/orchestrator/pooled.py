"""Questions in, answers out, by whichever expert of a pool should answer each.

Who may be asked is settled first, so that nobody who is forbidden is scored, named or loaded. A
router ranks the others for each question; questions are grouped by the expert that comes first,
and each group is answered by that expert as it would answer them alone. An expert that cannot
answer is passed over for the next of the ranking, and the answer says so.

Routers that go by what experts know make each candidate read the question alone; that is the pass
its gate makes in any case, and whoever wins goes on from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rag_router import telemetry
from rag_router.errors import ModelError, UnavailableError
from rag_router.experts.access import candidates
from rag_router.experts.base import Answering
from rag_router.experts.card import Card
from rag_router.experts.deadline import Clock, Deadline
from rag_router.experts.pool import Pool
from rag_router.experts.routing import Choice, ExpertRouter, RoutingContext
from rag_router.experts.writing import Written
from rag_router.models.base import Embedder
from rag_router.models.prompts import Inquiry
from rag_router.orchestrator.ask import Ask
from rag_router.orchestrator.considering import Considered, Considering
from rag_router.orchestrator.events import Accepted, heard_as
from rag_router.orchestrator.normalising import as_asked
from rag_router.orchestrator.orchestrator import Orchestrator
from rag_router.retrievers import Searchable
from rag_router.types import Answer, Candidate, Degradation, ExpertChoice, Question

__all__ = ["PooledOrchestrator"]

_CANNOT_TELL: Final = float("nan")


@dataclass(frozen=True, kw_only=True)
class PooledOrchestrator:
    """Answers questions with the experts of a pool.

    Attributes:
        pool: Who may answer; each a whole orchestrator, or an endpoint.
        router: Who of them should.
        router_name: What the router is called in answers.
        gate_name: What the gate is called that most experts have.
        embedder: Embeds questions for routers that read embeddings.
        indices: What the experts look in, by name.
        batch_size: Most questions that all candidates read before any is answered: what each has
            read is kept until the choice is made.
        question_characters: Longest question accepted.
        answer_seconds: How long a request may take, > 0; None is as long as it takes.
        clock: What tells whether that time has passed.
        seed: Of everything that is drawn at random.
    """

    pool: Pool[Answering]
    router: ExpertRouter
    router_name: str = "router"
    gate_name: str = "gate"
    embedder: Embedder | None = None
    indices: Mapping[str, Searchable] = field(default_factory=dict)
    batch_size: int = 8
    question_characters: int = 10_000
    answer_seconds: float | None = None
    clock: Clock = field(default=time.monotonic, repr=False, compare=False)
    seed: int = 0

    def answer(self, questions: Sequence[Question | str], ask: Ask | None = None) -> list[Answer]:
        """Answer questions, in order.

        Raises:
            QuestionError: a question is empty or too long; none is answered then.
            UnknownNameError: an index, field or expert named in `ask` is not there for the tenant.
            UsageError: `ask` sets what an expert does not have, or no expert is there at all.
            UnavailableError: none of the experts that may answer a question can.
        """
        ask = ask or Ask()
        allowed = candidates(self.pool.cards, ask.tenant, ask.expert)
        within = Deadline.within(ask.deadline_s, self.answer_seconds, clock=self.clock)
        ask = replace(ask, expert=None, deadline=ask.deadline or within)
        asked = [
            one if isinstance(one, Question) else Question(id=str(number), text=one)
            for number, one in enumerate(questions, start=1)
        ]
        for number, one in enumerate(asked, start=1):
            as_asked(one, number, longest=self.question_characters)
        if ask.heard is not None:
            for row in range(len(asked)):
                ask.heard(Accepted(row=row))
        # What every candidate has read of a question is a lot to keep for many of them.
        size = self.batch_size if "p_know" in self.router.needs else max(len(asked), 1)
        answers: list[Answer] = []
        for at in range(0, len(asked), size):
            rows = range(at, min(at + size, len(asked)))
            heard = heard_as(ask.heard, list(rows))
            batch = _Routing(self, asked[at : at + size], replace(ask, heard=heard), allowed)
            answers += batch.answers()
        return answers

    def write(
        self,
        inquiry: Inquiry,
        case: Sequence[str],
        *,
        max_new_tokens: int = 24,
        cancelled: Callable[[], bool] | None = None,
    ) -> Written:
        """Write a line that is no answer, such as a title, with the smallest expert that is here.

        The arguments and errors are those of an orchestrator's `write`.

        Raises:
            ModelError: no expert that is here is open to everybody.
        """
        here = [one for one in self.pool.cards if one.kind != "remote" and one.tenants is None]
        for card in sorted(here, key=lambda one: one.parameters):
            with self.pool.using(card.name) as member:
                if isinstance(member, Orchestrator):
                    return member.write(
                        inquiry, case, max_new_tokens=max_new_tokens, cancelled=cancelled
                    )
        raise ModelError(
            "no expert that is here, and open to everybody, can write a line.",
            hint="Add a local expert without tenants.",
        )


class _Routing:
    """A batch of questions on its way to the experts that answer them.

    Args:
        service: Who answers.
        questions: What is asked.
        ask: As each expert is asked; its deadline runs.
        allowed: Cards of those who may answer.
    """

    def __init__(
        self,
        service: PooledOrchestrator,
        questions: Sequence[Question],
        ask: Ask,
        allowed: Sequence[Card],
    ) -> None:
        self._service, self._questions = service, questions
        self._ask, self._allowed = ask, allowed
        self._failed: dict[str, UnavailableError] = {}
        self._unheard: set[str] = set()
        self._known: dict[str, dict[int, Considered]] = {}

    def answers(self) -> list[Answer]:
        """Rank the experts for each question, and let the first that can answer it."""
        watch = telemetry.Stopwatch()
        with watch.stage("route"):
            rankings = self._rankings()
        found: dict[int, Answer] = {}
        places = dict.fromkeys(range(len(self._questions)), 0)
        while waiting := [row for row in places if row not in found]:
            groups: dict[str, list[int]] = {}
            for row in waiting:
                groups.setdefault(self._next(rankings[row], places[row]), []).append(row)
            for name, rows in groups.items():
                for row, answer in zip(rows, self._answered(name, rows), strict=False):
                    found[row] = self._told(answer, row, rankings[row], places[row], watch.ms)
                for row in rows:
                    places[row] += 1
        return [found[row] for row in places]

    def _rankings(self) -> list[tuple[Choice, ...]]:
        if len(self._allowed) == 1:
            only = Choice(name=self._allowed[0].name, score=1.0, why="nobody else may answer")
            return [(only,)] * len(self._questions)
        service, texts = self._service, [one.text for one in self._questions]
        embeddings = None
        if "embeddings" in service.router.needs and service.embedder is not None:
            embeddings = service.embedder.encode_queries(texts)
        context = RoutingContext(embeddings=embeddings, p_know=self._p_know, seed=service.seed)
        return service.router.rank(texts, self._allowed, context)

    def _p_know(self, name: str, rows: Sequence[int]) -> list[float]:
        """Let an expert tell what it knows; no number where it cannot, or there is no time."""
        deadline = self._ask.deadline
        nothing = [_CANNOT_TELL] * len(rows)
        if name in self._failed or (deadline is not None and deadline.passed()):
            return nothing
        known = self._known.setdefault(name, {})
        missing = [row for row in rows if row not in known]
        try:
            with self._service.pool.using(name) as member:
                if not isinstance(member, Considering):
                    return nothing
                asked = [self._questions[row] for row in missing]
                known.update(zip(missing, member.consider(asked, self._ask), strict=True))
        except UnavailableError as exc:
            self._failed[name] = exc
            self._unheard.add(name)
            return nothing
        return [known[row].p_know for row in rows]

    def _next(self, ranking: Sequence[Choice], place: int) -> str:
        """Return who is asked at this place of the ranking.

        Raises:
            UnavailableError: all have been asked, and none could answer.
        """
        if place < len(ranking):
            return ranking[place].name
        errors = [self._failed[choice.name] for choice in ranking]
        if len(errors) == 1:
            raise errors[0]
        said = "; ".join(
            f"{choice.name}: {error.message}" for choice, error in zip(ranking, errors, strict=True)
        )
        raise UnavailableError(f"no expert can answer. {said}", hint=errors[0].hint)

    def _answered(self, name: str, rows: Sequence[int]) -> list[Answer]:
        """Let an expert answer some of the questions; nothing where it cannot."""
        if name in self._failed:
            return []
        ask = replace(self._ask, heard=heard_as(self._ask.heard, rows))
        asked = [self._questions[row] for row in rows]
        known = self._known.get(name, {})
        try:
            with self._service.pool.using(name) as member:
                if isinstance(member, Considering) and all(row in known for row in rows):
                    return member.answer(asked, ask, [known[row] for row in rows])
                return member.answer(asked, ask)
        except UnavailableError as exc:
            self._failed[name] = exc
            return []

    def _told(
        self,
        answer: Answer,
        row: int,
        ranking: Sequence[Choice],
        place: int,
        spent: Mapping[str, float],
    ) -> Answer:
        """Write into an answer who was considered, who failed, and what the choice cost."""
        chosen, passed_over = ranking[place], ranking[:place]
        route = spent.get("route", 0.0)
        timings = dict(answer.timings_ms)
        if timings:
            timings["route"] = timings.get("route", 0.0) + route
            timings["total"] = timings.get("total", 0.0) + route
        usage = answer.usage
        for name, known in self._known.items():
            if name != chosen.name and row in known:
                cost = known[row].usage
                usage = replace(
                    usage,
                    prompt_tokens=usage.prompt_tokens + cost.prompt_tokens,
                    lm_forward_passes=usage.lm_forward_passes + cost.lm_forward_passes,
                )
        notes = tuple(
            Degradation(
                stage="route",
                what=f"{one.name} could not answer: {self._failed[one.name].message}",
            )
            for one in passed_over
        ) + tuple(
            # It is not first in any ranking for want of what it would have said.
            Degradation(
                stage="route",
                what=f"{one.name} could not tell what it knows: {self._failed[one.name].message}",
            )
            for one in ranking[place + 1 :]
            if one.name in self._unheard
        )
        for note in notes:
            telemetry.count(telemetry.DEGRADED, stage=note.stage)
        expert = ExpertChoice(
            name=chosen.name,
            score=chosen.score,
            router=self._service.router_name if len(ranking) > 1 else "",
            candidates=tuple(
                Candidate(name=one.name, score=one.score, why=one.why) for one in ranking
            )
            if len(ranking) > 1
            else (),
        )
        return replace(
            answer,
            route=replace(answer.route, expert=expert),
            usage=usage,
            timings_ms=timings,
            degraded=(*answer.degraded, *notes),
        )
