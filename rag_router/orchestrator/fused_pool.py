"""Questions in, answers out, by several experts of a pool at once.

Who may be asked is settled first, as for any pool: a fusion is one of those experts that whoever
asks may use. Where one expert is asked for by name, or only one is left, nothing is fused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from rag_router.errors import BusyError, SettingsError
from rag_router.experts.access import candidates
from rag_router.experts.base import Answering
from rag_router.experts.card import Card
from rag_router.experts.deadline import Deadline
from rag_router.experts.fusion import AnswerFusion, TokenFusion
from rag_router.experts.fusion.weighing import EvenWeighing, Weighing
from rag_router.experts.patience import Patience
from rag_router.experts.routing.prices import relative_prices
from rag_router.orchestrator.ask import Ask
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.events import Done, Spoke
from rag_router.orchestrator.fusing import FusedOrchestrator
from rag_router.orchestrator.knobs import as_it_can_be_asked, require_a_knob
from rag_router.orchestrator.not_loaded import not_loaded
from rag_router.orchestrator.orchestrator import Orchestrator
from rag_router.orchestrator.pooled import PooledOrchestrator
from rag_router.types import Answer, Degradation, Question

__all__ = ["FusingOrchestrator"]

_SHARE: Final = 0.5
"""Of the time that is left, what loading one expert may take, so that others are heard, too."""


@dataclass(frozen=True, kw_only=True)
class FusingOrchestrator(PooledOrchestrator):
    """Answers questions with several experts of a pool together.

    The router is asked where nothing is fused.

    Attributes:
        fusion: What makes one answer of several.
        fusion_name: What it is called in answers.
        experts: Names of those that are fused, the leading one first; None fuses all.
        weighing: How much each counts, where they are fused token by token.
    """

    fusion: TokenFusion | AnswerFusion
    fusion_name: str = "fusion"
    experts: tuple[str, ...] | None = None
    weighing: Weighing = field(default_factory=EvenWeighing)

    def answer(self, questions: Sequence[Question | str], ask: Ask | None = None) -> list[Answer]:
        """Answer questions, in order.

        Raises:
            QuestionError: a question is empty or too long; none is answered then.
            UnknownNameError: an index, field or expert named in `ask` is not there for the tenant.
            SettingsError: experts that are fused token by token have no vocabulary in common.
            UsageError: `ask` sets what an expert does not have, or no expert is there at all.
            UnavailableError: no expert can answer, or one that all others need cannot.
        """
        ask = ask or Ask()
        cards = self._cards(candidates(self.pool.cards, ask.tenant, ask.expert))
        if ask.expert is not None or len(cards) < 2:
            return PooledOrchestrator.answer(self, questions, ask)
        require_a_knob(cards, ask, self.without_knob)
        within = Deadline.within(ask.deadline_s, self.answer_seconds, clock=self.clock)
        ask = replace(ask, deadline=ask.deadline or within)
        asked = [
            one if isinstance(one, Question) else Question(id=str(number), text=one)
            for number, one in enumerate(questions, start=1)
        ]
        if isinstance(self.fusion, TokenFusion):
            return self._token_by_token(self.fusion, cards, asked, ask)
        return self._answer_by_answer(self.fusion, cards, asked, ask)

    def _cards(self, allowed: Sequence[Card]) -> list[Card]:
        """Of those that may be asked, the ones that are fused, in their order."""
        if self.experts is None:
            return list(allowed)
        by_name = {card.name: card for card in allowed}
        return [by_name[name] for name in self.experts if name in by_name]

    def _token_by_token(
        self, fusion: TokenFusion, cards: Sequence[Card], questions: list[Question], ask: Ask
    ) -> list[Answer]:
        names = [card.name for card in cards]
        fusion.check(names)
        with ExitStack() as used:
            patience = Patience(until=ask.deadline, cancelled=ask.cancelled)
            try:
                members = used.enter_context(self.pool.using_all(names, patience))
            except BusyError as exc:
                return self._too_late(questions, ask, names, exc)
            parts = [_composed(name, members[name]) for name in names]
            lead, *others = parts
            shared = {f.name: getattr(lead, f.name) for f in fields(Composition)}
            together = FusedOrchestrator(
                **shared,
                _turn=lead._turn,
                others=tuple(others),
                cards=tuple(cards),
                fusion=fusion,
                fusion_name=self.fusion_name,
                weighing=self.weighing,
            )
            # What decoder there is, is the leading expert's.
            ask, notes = as_it_can_be_asked(names[0], ask, self.without_knob)
            return [_noted(one, notes) for one in together.answer(questions, ask)]

    def _answer_by_answer(
        self, fusion: AnswerFusion, cards: Sequence[Card], questions: list[Question], ask: Ask
    ) -> list[Answer]:
        names = [card.name for card in cards]
        costs = dict(zip(names, relative_prices(cards).tolist(), strict=True))
        # Nobody can tell whose words will be given before all have spoken.
        quiet = replace(ask, heard=None, observed=None)

        def asked(share: float) -> list[Answer]:
            experts: Mapping[str, Answering] = {name: _Alone(self, name, share) for name in names}
            return fusion.ask(experts, questions, quiet, costs=costs)

        try:
            answers = asked(_SHARE)
        except BusyError:
            # All who could answer are still being loaded: who is there first is heard alone.
            try:
                answers = asked(1.0)
            except BusyError as exc:
                return self._too_late(questions, ask, names, exc)
        if ask.heard is not None:
            for row, answer in enumerate(answers):
                if answer.text:
                    ask.heard(Spoke(row=row, text=answer.text, certain=True))
                ask.heard(Done(row=row, answer=answer))
        return answers

    def _too_late(
        self, questions: Sequence[Question], ask: Ask, names: Sequence[str], error: BusyError
    ) -> list[Answer]:
        """Abstain from questions whose time was up before the experts were loaded.

        Raises:
            BusyError: it was not, or there is no such time.
        """
        deadline = ask.deadline
        if deadline is None or not deadline.passed():
            raise error
        note = Degradation(stage="fusion", what=error.message)
        answers = [
            _noted(not_loaded(self, one, ask, deadline=deadline, by=names), (note,))
            for one in questions
        ]
        for row, answer in enumerate(answers):
            if ask.heard is not None:
                ask.heard(Done(row=row, answer=answer))
        return answers


@dataclass(frozen=True, slots=True)
class _Alone:
    """One expert of a pool, loaded while it is asked, for a share of the time that is left."""

    service: PooledOrchestrator
    name: str
    share: float

    def answer(self, questions: Sequence[Question | str], ask: Any = None) -> list[Answer]:
        without_knob = self.service.without_knob
        asking, notes = as_it_can_be_asked(self.name, ask or Ask(), without_knob)
        with self._member(asking) as member:
            answers = [_noted(one, notes) for one in member.answer(questions, asking)]
        # An expert is known by the name that it goes by in the pool.
        return [
            replace(one, route=replace(one.route, expert=replace(one.route.expert, name=self.name)))
            for one in answers
        ]

    def _member(self, ask: Ask) -> AbstractContextManager[Answering]:
        until = None if ask.deadline is None else ask.deadline.part(self.share)
        return self.service.pool.using(self.name, Patience(until=until, cancelled=ask.cancelled))


def _noted(answer: Answer, notes: tuple[Degradation, ...]) -> Answer:
    return replace(answer, degraded=(*answer.degraded, *notes))


def _composed(name: str, member: Answering) -> Orchestrator:
    """An expert as what it is composed of.

    Raises:
        SettingsError: it is no orchestrator of a model that is here.
    """
    if isinstance(member, Orchestrator):
        return member
    raise SettingsError(
        f"the expert {name!r} shows no next-token distributions.",
        hint="Fuse answers instead: fusion.name = 'vote' or 'frugal'.",
    )
