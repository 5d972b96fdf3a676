"""A pool of adapters over one base, made without settings: what `benchmarks.adapters` asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_router.decoders.plain import PlainDecoder
from rag_router.experts import Card, Expert
from rag_router.experts.base import Answering
from rag_router.experts.pool import Loaded, Member, Pool
from rag_router.experts.routing import Choice, RoutingContext
from rag_router.experts.routing.base import Need
from rag_router.gates.never import NeverGate
from rag_router.models.adapters import AdaptedModel
from rag_router.models.prompts import PromptStyle
from rag_router.orchestrator import Ask, Orchestrator, PooledOrchestrator

__all__ = ["ask_alone", "ask_together", "pool_of"]


@dataclass(frozen=True, slots=True)
class _ByTurns:
    """Sends each question to the expert whose turn it is: so many to the first, and so on."""

    questions: tuple[str, ...]
    each: int
    needs: frozenset[Need] = frozenset()

    def rank(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[tuple[Choice, ...]]:
        del context
        names = [card.name for card in cards]
        rankings = []
        for question in questions:
            turn = self.questions.index(question) // self.each
            order = [names[turn], *names[:turn], *names[turn + 1 :]]
            rankings.append(tuple(Choice(name=one, score=0.0, why="its turn") for one in order))
        return rankings


def pool_of(
    views: Sequence[AdaptedModel], style: PromptStyle, questions: Sequence[str], *, tokens: int
) -> PooledOrchestrator:
    """Put adapters in a pool that answers from memory, the same number of questions each.

    Args:
        views: The adapters over their base.
        style: How they are prompted.
        questions: What will be asked, those of the first adapter first.
        tokens: Most of each answer.
    """

    def member(view: AdaptedModel) -> Member[Answering]:
        made = Orchestrator(
            expert=Expert(name=view.name, model=view, style=style),
            gate=NeverGate(),
            decoder=PlainDecoder(),
            max_new_tokens=tokens,
            batch_size=len(questions),
        )
        card = Card(name=view.name, kind="adapter", model=view.base.name, abilities=view.abilities)
        return Member(name=view.name, load=lambda _: Loaded(made), over="the base", card=card)

    base: Member[object] = Member(name="the base", load=lambda _: Loaded(views[0].base))
    pool: Pool[Answering] = Pool([base, *(member(view) for view in views)])
    router = _ByTurns(tuple(questions), len(questions) // len(views))
    return PooledOrchestrator(pool=pool, router=router, batch_size=len(questions))


def ask_together(pool: PooledOrchestrator, questions: Sequence[str]) -> list[str | None]:
    """Ask everything in one request."""
    return [one.text for one in pool.answer(questions)]


def ask_alone(pool: PooledOrchestrator, questions: Sequence[str]) -> list[str | None]:
    """Ask each expert for its questions, one request after the other."""
    names = [card.name for card in pool.pool.cards]
    each = len(questions) // len(names)
    return [
        answer.text
        for number, name in enumerate(names)
        for answer in pool.answer(questions[number * each : (number + 1) * each], Ask(expert=name))
    ]
