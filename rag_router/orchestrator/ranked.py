"""A batch of questions of a pool, each on its way down its ranking until somebody answers it.

A request that has a deadline waits for no load beyond it. While somebody else could answer at
once, whose weights are here or who is behind an endpoint, an expert that is not loaded yet is
given a share of the time that is left, and is asked again only where all others failed, too.
Where the time is up before anybody could begin, the question is abstained from, and told why.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rag_router import telemetry
from rag_router.errors import BusyError, RemoteError, UnavailableError
from rag_router.experts.base import Answering
from rag_router.experts.card import Card
from rag_router.experts.deadline import Deadline
from rag_router.experts.patience import ENDLESS, Patience
from rag_router.experts.routing import Choice, RoutingContext
from rag_router.orchestrator.ask import Ask
from rag_router.orchestrator.choice_telling import Chosen
from rag_router.orchestrator.considering import Considered, Considering
from rag_router.orchestrator.events import Done, heard_as
from rag_router.orchestrator.knobs import as_it_can_be_asked
from rag_router.orchestrator.lineup import Lineup
from rag_router.orchestrator.not_loaded import not_loaded
from rag_router.orchestrator.orchestrator import Orchestrator
from rag_router.orchestrator.sharing import Share, answer_side_by_side, can_share
from rag_router.types import Answer, Question

if TYPE_CHECKING:
    from rag_router.orchestrator.pooled import PooledOrchestrator

__all__ = ["Ranked"]

_CANNOT_TELL: Final = float("nan")

_SHARE: Final = 0.5
"""Of the time that is left, what a load may take while somebody else could answer at once; and
what ranking may wait for loads."""


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
        self._kinds = {card.name: card.kind for card in allowed}
        self._failed: dict[str, UnavailableError] = {}
        self._unloaded: dict[str, BusyError] = {}
        self._unheard: dict[str, UnavailableError] = {}
        self._known: dict[str, dict[int, Considered]] = {}
        self._ranked_by = ENDLESS

    def answers(self) -> list[Answer]:
        """Rank the experts for each question, and let the first that can answer it."""
        watch = telemetry.Stopwatch()
        with watch.stage("route"):
            lineups = [Lineup(ranking) for ranking in self._rankings()]
        found: dict[int, Answer] = {}
        while waiting := [row for row in range(len(lineups)) if row not in found]:
            groups: dict[str, list[int]] = {}
            for row in waiting:
                name = lineups[row].next
                if name is None:
                    found[row] = self._too_late(row, lineups[row], watch.ms)
                else:
                    groups.setdefault(name, []).append(row)
            shared = self._shared(groups)
            for name, rows in groups.items():
                answers = shared.get(name) or self._answered(name, rows, lineups)
                for row, answer in zip(rows, answers, strict=False):
                    found[row] = self._told(answer, row, name, lineups[row], watch.ms)
        return [found[row] for row in range(len(lineups))]

    def _rankings(self) -> list[tuple[Choice, ...]]:
        if len(self._allowed) == 1:
            only = Choice(name=self._allowed[0].name, score=1.0, why="nobody else may answer")
            return [(only,)] * len(self._questions)
        service, texts = self._service, [one.text for one in self._questions]
        embeddings = None
        if "embeddings" in service.router.needs and service.embedder is not None:
            embeddings = service.embedder.encode_queries(texts)
        everyone = range(len(texts))
        self._ranked_by = self._patience(everyone, share=_SHARE)
        context = RoutingContext(
            embeddings=embeddings,
            p_know=self._p_know,
            calibrated=self._is_calibrated,
            seed=service.seed,
        )
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
            with ExitStack() as used:
                try:
                    member = used.enter_context(self._service.pool.using(name, self._ranked_by))
                except BusyError as exc:
                    # It may be there when its turn to answer comes.
                    self._unheard[name] = exc
                    return nothing
                if not isinstance(member, Considering):
                    return nothing
                asked = [self._questions[row] for row in missing]
                ask, _ = as_it_can_be_asked(name, self._ask, self._service.without_knob)
                known.update(zip(missing, member.consider(asked, ask), strict=True))
        except UnavailableError as exc:
            self._failed[name] = self._unheard[name] = exc
            return nothing
        return [known[row].p_know for row in rows]

    def _is_calibrated(self, name: str) -> bool:
        return all(one.calibrated for one in self._known.get(name, {}).values())

    def _answered(self, name: str, rows: Sequence[int], lineups: Sequence[Lineup]) -> list[Answer]:
        """Let an expert answer some of the questions; nothing where it cannot, or not yet."""
        if name in self._failed:
            return self._passed_over(rows, lineups)
        ready = self._ready(name, rows, lineups)
        patience = self._patience(rows, share=_SHARE if ready else 1.0, sparing=ready)
        ask = self._asking(name, rows)
        asked = [self._questions[row] for row in rows]
        known = self._known.get(name, {})
        with ExitStack() as used:
            try:
                member = used.enter_context(self._service.pool.using(name, patience))
            except BusyError as exc:
                self._unloaded[name] = exc
                return self._later(rows, lineups) if ready else self._given_up(rows, lineups)
            except UnavailableError as exc:
                self._failed[name] = exc
                return self._passed_over(rows, lineups)
            self._look_ahead(name, [lineups[row] for row in rows])
            try:
                if isinstance(member, Considering) and all(row in known for row in rows):
                    return member.answer(asked, ask, [known[row] for row in rows])
                return member.answer(asked, ask)
            except UnavailableError as exc:
                self._failed[name] = exc
                return self._passed_over(rows, lineups)

    def _ready(self, name: str, rows: Sequence[int], lineups: Sequence[Lineup]) -> tuple[str, ...]:
        """Who could answer at once in the place of an expert that is not loaded.

        Nobody is where the expert is loaded, the time of a question is up, or a question has no
        such expert still before it.
        """
        states = self._service.pool.states()
        if states[name][0] == "loaded" or any(self._deadline(row).passed() for row in rows):
            return ()
        of_each = [
            {one for one in lineups[row].following if self._at_hand(one, states[one][0])}
            for row in rows
        ]
        return tuple(set.union(*of_each)) if all(of_each) else ()

    def _at_hand(self, name: str, state: str) -> bool:
        return name not in self._failed and (state == "loaded" or self._kinds[name] == "remote")

    def _look_ahead(self, name: str, lineups: Sequence[Lineup]) -> None:
        """Have those loaded who would be asked next, while an endpoint is waited for."""
        if not self._service.ahead or self._kinds[name] != "remote":
            return
        here = (
            [one for one in lineup.following if self._kinds[one] != "remote"] for lineup in lineups
        )
        for first in dict.fromkeys(names[0] for names in here if names):
            if first not in self._failed:
                self._service.pool.begin(first)

    def _passed_over(self, rows: Sequence[int], lineups: Sequence[Lineup]) -> list[Answer]:
        for row in rows:
            lineups[row].pass_over()
        return []

    def _later(self, rows: Sequence[int], lineups: Sequence[Lineup]) -> list[Answer]:
        """Go on to somebody who can answer at once; who is being loaded comes last."""
        for row in rows:
            lineups[row].postpone()
        return []

    def _given_up(self, rows: Sequence[int], lineups: Sequence[Lineup]) -> list[Answer]:
        """Wait no longer for a load; questions of the same batch may have more time."""
        return self._passed_over([r for r in rows if self._deadline(r).passed()], lineups)

    def _deadline(self, row: int) -> Deadline:
        ask = self._ask.own.get(self._questions[row].id, self._ask)
        endless = Deadline.within(clock=self._service.clock)
        return ask.deadline or self._ask.deadline or endless

    def _patience(
        self, rows: Sequence[int], *, share: float = 1.0, sparing: Collection[str] = ()
    ) -> Patience:
        """How long some questions wait for a load: none longer than a share of its time left."""
        until = min((self._deadline(row) for row in rows), key=lambda one: one.ends)
        if share < 1:
            until = until.part(share)
        return Patience(until=until, sparing=sparing, cancelled=self._ask.cancelled)

    def _too_late(self, row: int, lineup: Lineup, spent: Mapping[str, float]) -> Answer:
        """Abstain from a question whose time was up before anybody was loaded.

        Raises:
            UnavailableError: all have been asked, and none could answer.
        """
        waited = [name for name in lineup.tried if name not in self._failed]
        if not waited:
            raise self._nobody(lineup)
        answer = not_loaded(
            self._service, self._questions[row], self._ask, deadline=self._deadline(row), by=waited
        )
        told = self._told(answer, row, waited[0], lineup, spent, passed_over=lineup.tried)
        if self._ask.heard is not None:
            self._ask.heard(Done(row=row, answer=told))
        return told

    def _nobody(self, lineup: Lineup) -> UnavailableError:
        errors = [self._failed[choice.name] for choice in lineup.ranking]
        if len(errors) == 1:
            return errors[0]
        said = "; ".join(
            f"{choice.name}: {error.message}"
            for choice, error in zip(lineup.ranking, errors, strict=True)
        )
        what = f"no expert can answer. {said}"
        if any(error.retryable for error in errors):
            # One that is only away for now makes another try worth it.
            return RemoteError(what, hint=errors[0].hint)
        return UnavailableError(what, hint=errors[0].hint)

    def _asking(self, name: str, rows: Sequence[int]) -> Ask:
        ask, _ = as_it_can_be_asked(name, self._ask, self._service.without_knob)
        return replace(ask, heard=heard_as(ask.heard, rows))

    def _shared(self, groups: Mapping[str, Sequence[int]]) -> dict[str, list[Answer]]:
        """Let experts over one base answer side by side; returns what was answered like that."""
        pool, companies = self._service.pool, dict[str, list[str]]()
        states = pool.states()
        every = [row for rows in groups.values() for row in rows]
        patience = self._patience(every) if every else ENDLESS
        for name in groups:
            below, state = pool.below(name), states[name][0]
            # Whoever did not load is tried again by itself, so that nobody has to wait for it;
            # nor does anybody who has no time for that wait for who is loaded first.
            awaited = state == "failed" or (patience.ends and state != "loaded")
            if below is not None and name not in self._failed and not awaited:
                companies.setdefault(below, []).append(name)
        answers: dict[str, list[Answer]] = {}
        for names in companies.values():
            if len(names) > 1:
                answers |= self._side_by_side(names, groups, patience)
        return answers

    def _side_by_side(
        self, names: Sequence[str], groups: Mapping[str, Sequence[int]], patience: Patience
    ) -> dict[str, list[Answer]]:
        try:
            with self._service.pool.using_all(names, patience) as members:
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
        name: str,
        lineup: Lineup,
        spent: Mapping[str, float],
        *,
        passed_over: Sequence[str] | None = None,
    ) -> Answer:
        """Write into an answer who was considered, who failed, and what the choice cost."""
        if passed_over is None:
            # Who was not loaded at its turn, and is the one that answers now, could after all.
            passed_over = [one for one in lineup.tried if one != name]
        chosen = Chosen(
            choice=lineup.choice(name),
            ranking=lineup.ranking,
            router=self._service.router_name,
            passed_over={one: self._why(one) for one in passed_over},
            unheard={one: error.message for one, error in self._unheard.items()},
            known={one: known[row] for one, known in self._known.items() if row in known},
            route_ms=spent.get("route", 0.0),
            notes=as_it_can_be_asked(name, self._ask, self._service.without_knob)[1],
        )
        for note in chosen.degraded:
            telemetry.count(telemetry.DEGRADED, stage=note.stage)
        if passed_over:
            telemetry.count(telemetry.FALLBACKS, rung="expert")
        return chosen.told(answer)

    def _why(self, name: str) -> str:
        error = self._failed.get(name) or self._unloaded[name]
        return error.message
