"""Two scripted experts over one set of indexes, behind a pool that notes who was loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from little_house import SCRIPT, parts
from watched import WatchedModel, expert_of

from rag_router.assembly import assemble
from rag_router.experts import Card
from rag_router.experts.pool import Loaded, Member, Pool
from rag_router.experts.routing import Choice
from rag_router.models.scripted import Reply
from rag_router.orchestrator import PooledOrchestrator
from rag_router.settings import Component, Settings

__all__ = ["BY_WORD", "FRANCE", "RIVER", "TWO", "VALVE", "House"]

FRANCE = "What is the capital of France?"
VALVE = "How often is the Larkspur valve calibrated?"
RIVER = "Which river runs through Vienna?"

# Each knows something that the others do not; none of them knows the valve without its passage.
TOWNS = {"capital of France": Reply("Paris", 0.99), "river runs": Reply("Elbe", 0.4)}
RIVERS = {"capital of France": Reply("Lyon", 0.5), "river runs": Reply("Danube", 0.95)}


TWO = {"towns": TOWNS, "rivers": RIVERS}


@dataclass(frozen=True)
class ByWord:
    """Sends questions to whoever is named for a word of theirs, and asks nobody."""

    words: Any
    needs: frozenset[str] = frozenset()

    def rank(self, questions, cards, context):
        def score(question, card):
            return float(any(w in question and n == card.name for w, n in self.words))

        return [
            tuple(
                sorted(
                    (Choice(name=c.name, score=score(q, c), why="by a word") for c in cards),
                    key=lambda choice: -choice.score,
                )
            )
            for q in questions
        ]


BY_WORD = ByWord((("capital", "towns"), ("river", "rivers"), ("valve", "towns")))


class House:
    """Experts over one set of indexes, and a note of who was loaded."""

    def __init__(self, folder):
        self.settings = Settings(home=folder / "home", gate=Component(name="confidence"))
        self.common = parts(folder)
        self.models: dict[str, WatchedModel] = {}
        self.loads: list[str] = []
        self.decoders: dict[str, str] = {}

    def service(self, scripts, *, router=BY_WORD, tenants=None, lasts=None, decoders=None, **more):
        self.decoders = decoders or {}
        self.models = {
            name: WatchedModel(
                {**SCRIPT, **script},
                name=name,
                **({"lasts": lasts[name]} if name in (lasts or {}) else {}),
            )
            for name, script in scripts.items()
        }
        self.loads = []
        members = [self._member(name, (tenants or {}).get(name)) for name in scripts]
        return PooledOrchestrator(
            pool=Pool(members), router=router, router_name="test", seed=0, **more
        )

    def alone(self, name):
        decoder = Component(name=self.decoders.get(name, self.settings.decoder.name))
        settings = self.settings.model_copy(update={"decoder": decoder})
        return assemble(settings, replace(self.common, expert=expert_of(self.models[name])))

    def _member(self, name, tenants):
        def load(_):
            self.loads.append(name)
            return Loaded(self.alone(name))

        card = Card(
            name=name,
            kind="local",
            model=name,
            abilities=frozenset({"logits"}),
            tenants=None if tenants is None else frozenset(tenants),
        )
        return Member(name=name, load=load, card=card)
