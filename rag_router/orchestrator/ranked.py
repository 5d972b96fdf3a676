"""A batch of questions of a pool, each on its way down its ranking until somebody answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rag_router import telemetry
from rag_router.errors import RemoteError, UnavailableError
from rag_router.experts.base import Answering
from rag_router.experts.card import Card
from rag_router.experts.routing import Choice, RoutingContext
from rag_router.orchestrator.ask import Ask
from rag_router.orchestrator.considering import Considered, Considering
from rag_router.orchestrator.events import heard_as
from rag_router.orchestrator.knobs import as_it_can_be_asked
from rag_router.orchestrator.orchestrator import Orchestrator
from rag_router.orchestrator.sharing import Share, answer_side_by_side, can_share
from rag_router.types import Answer, Candidate, Degradation, ExpertChoice, Question

if TYPE_CHECKING:
    from rag_router.orchestrator.pooled import PooledOrchestrator

__all__ = ["Ranked"]

_CANNOT_TELL: Final = float("nan")


class Ranked:
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
            shared = self._shared(groups)
            for name, rows in groups.items():
                answers = shared[name] if name in shared else self._answered(name, rows)
                for row, answer in zip(rows, answers, strict=False):
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
                ask, _ = as_it_can_be_asked(name, self._ask, self._service.without_knob)
                known.update(zip(missing, member.consider(asked, ask), strict=True))
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
        what = f"no expert can answer. {said}"
        if any(error.retryable for error in errors):
            # One that is only away for now makes another try worth it.
            raise RemoteError(what, hint=errors[0].hint)
        raise UnavailableError(what, hint=errors[0].hint)

    def _answered(self, name: str, rows: Sequence[int]) -> list[Answer]:
        """Let an expert answer some of the questions; nothing where it cannot."""
        if name in self._failed:
            return []
        ask = self._asking(name, rows)
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

    def _asking(self, name: str, rows: Sequence[int]) -> Ask:
        ask, _ = as_it_can_be_asked(name, self._ask, self._service.without_knob)
        return replace(ask, heard=heard_as(ask.heard, rows))

    def _shared(self, groups: Mapping[str, Sequence[int]]) -> dict[str, list[Answer]]:
        """Let experts over one base answer side by side; returns what was answered like that."""
        pool, companies = self._service.pool, dict[str, list[str]]()
        states = pool.states()
        for name in groups:
            below = pool.below(name)
            # Whoever did not load is tried again by itself, so that nobody has to wait for it.
            if below is not None and name not in self._failed and states[name][0] != "failed":
                companies.setdefault(below, []).append(name)
        answers: dict[str, list[Answer]] = {}
        for names in companies.values():
            if len(names) > 1:
                answers |= self._side_by_side(names, groups)
        return answers

    def _side_by_side(
        self, names: Sequence[str], groups: Mapping[str, Sequence[int]]
    ) -> dict[str, list[Answer]]:
        try:
            with self._service.pool.using_all(names) as members:
                if not can_share(members.values()):
                    return {}
                some = [self._share(name, members[name], groups[name]) for name in names]
                found = dict(zip(names, answer_side_by_side(some), strict=True))
        except UnavailableError:
            # They are not to be had at once; one after the other they may be.
            return {}
        self._failed |= {n: one for n, one in found.items() if isinstance(one, UnavailableError)}
        return {n: one for n, one in found.items() if not isinstance(one, UnavailableError)}

    def _share(self, name: str, member: Answering, rows: Sequence[int]) -> Share:
        assert isinstance(member, Orchestrator)
        known = self._known.get(name, {})
        return Share(
            parts=member,
            questions=[self._questions[row] for row in rows],
            places=rows,
            ask=self._asking(name, rows),
            known=[known[row] for row in rows] if all(row in known for row in rows) else None,
        )

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
        notes += as_it_can_be_asked(chosen.name, self._ask, self._service.without_knob)[1]
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
