"""Frugal questioning: one expert after another, and the next one only while it is worth its cost.

FrugalFoE of the Fusion of Experts (Wang et al. 2024, ICLR, arXiv 2310.01542). The published fuser
is a small network over the outputs of all experts; here it is the vote of `ballots`, which takes
any subset of them. With recorded answers of the same experts, whom to ask next, and when to stop,
is planned by what became of questions that went alike so far: see `experience` for the formula.

Without any, the rule is what can be said for certain. Asking somebody else turns a wrong answer
into a right one at most as often as the answer at hand is wrong, so that it is stopped as soon as

    1 - P(answer)  <=  price * cost(next)

with P the vote's, 1 - P = 1 before anybody has answered, and experts taken from cheap to dear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.artefacts import Artefact, Card
from rag_router.component import STRICT
from rag_router.experts.base import Answering
from rag_router.experts.fusion.ballots import counted
from rag_router.experts.fusion.base import Costs
from rag_router.experts.fusion.experience import Experience
from rag_router.experts.fusion.verdict import Reply, ask_one, ballots_of, settled
from rag_router.types import Answer, Degradation, Question

__all__ = ["FrugalFusion"]

_UNLEARNED: Final = "'frugal' has recorded nothing of these experts: it stops by a rule"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FrugalFusion:
    """Ask experts one by one, the next only while it is worth its cost (FrugalFoE).

    Args:
        price: How many right answers it is worth to ask the dearest expert once, >= 0. With 0
            others are asked while any improvement is expected; beyond 1 nobody but the first is.
        neighbours: How many recorded questions are looked at, >= 1.
        alternatives: How many wrong answers an expert might give, >= 1, as for `vote`.
        experience: What the experts answered before; None until recorded.
    """

    asks: ClassVar[str] = "one expert after another"

    price: Annotated[float, Field(ge=0.0, le=1e6)] = 0.05
    neighbours: Annotated[int, Field(ge=1)] = 30
    alternatives: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    experience: Experience | None = None

    @property
    def fitted(self) -> bool:
        return self.experience is not None

    def ask(
        self,
        experts: Mapping[str, Answering],
        questions: Sequence[Question],
        wanted: Any = None,
        *,
        costs: Costs | None = None,
    ) -> list[Answer]:
        experience = None if self.experience is None else self.experience.only(list(experts))
        prices = _relative(list(experts), costs)
        replies: list[dict[str, Reply]] = [{} for _ in questions]
        while True:
            # Questions that go to the same expert next go there together.
            waiting: dict[str, list[tuple[int, str]]] = {}
            for number, said in enumerate(replies):
                if (step := self._next(list(experts), said, prices, experience)) is not None:
                    waiting.setdefault(step[0], []).append((number, step[1]))
            if not waiting:
                break
            for name, some in waiting.items():
                batch = [questions[number] for number, _ in some]
                for (number, why), reply in zip(
                    some, ask_one(name, experts[name], batch, wanted), strict=True
                ):
                    replies[number][name] = replace(reply, why=why)
        return [self._settled([said[name] for name in experts if name in said]) for said in replies]

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was recorded beside its card, which will name the experts.

        Raises:
            ValueError: nothing was recorded.
        """
        if self.experience is None:
            raise ValueError("nothing was recorded.")
        named = dict(card.notes) | {"experts": list(self.experience.names)}
        weights = {
            "confidence": self.experience.confidence,
            "says": self.experience.says.astype(np.float64),
            "right": self.experience.right.astype(np.float64),
        }
        return Artefact(card=replace(card, notes=named), weights=weights)

    def with_artefact(self, artefact: Artefact) -> FrugalFusion:
        """Return the same with what was recorded.

        Raises:
            KeyError: the artefact lacks something.
            ValueError: its arrays do not fit each other.
        """
        names = tuple(str(name) for name in artefact.card.notes["experts"])
        weights = artefact.weights
        confidence = np.asarray(weights["confidence"], dtype=np.float64)
        says = np.asarray(weights["says"]).astype(np.int64)
        right = np.asarray(weights["right"]) > 0
        if not confidence.shape == says.shape == right.shape == (len(confidence), len(names)):
            raise ValueError("arrays of different shapes.")
        return replace(self, experience=Experience(names, confidence, says, right))

    def _next(
        self,
        names: Sequence[str],
        said: Mapping[str, Reply],
        prices: Sequence[float],
        experience: Experience | None,
    ) -> tuple[str, str] | None:
        """Whom to ask next, and why; None stops."""
        if len(said) == len(names):
            return None
        if experience is None:
            return self._next_by_rule(names, said, prices)
        ballots = [said[name].ballot if name in said else None for name in names]
        plan, place = experience.plan(
            ballots,
            prices,
            price=self.price,
            neighbours=self.neighbours,
            alternatives=self.alternatives,
        )
        if place is None:
            return None
        return names[place], f"asked as number {len(said) + 1}: {plan.wrong:.2f} wrong in the end"

    def _next_by_rule(
        self, names: Sequence[str], said: Mapping[str, Reply], prices: Sequence[float]
    ) -> tuple[str, str] | None:
        counts = counted(ballots_of(list(said.values())), alternatives=self.alternatives)
        wrong = 1 - counts[0].probability if counts else 1.0
        cost, place = min((prices[k], k) for k, name in enumerate(names) if name not in said)
        # Somebody is asked, whatever it costs.
        if any(reply.answer is not None for reply in said.values()) and wrong <= self.price * cost:
            return None
        return names[place], f"asked as number {len(said) + 1}: {wrong:.2f} wrong so far"

    def _settled(self, replies: Sequence[Reply]) -> Answer:
        answer = settled(replies, alternatives=self.alternatives)
        if self.fitted:
            return answer
        note = Degradation(stage="fusion", what=_UNLEARNED)
        return replace(answer, degraded=(*answer.degraded, note))


def _relative(names: Sequence[str], costs: Costs | None) -> list[float]:
    """Costs as shares of the dearest; 1 for all where nobody knows any."""
    known = [1.0 if costs is None else costs.get(name, 0.0) for name in names]
    dearest = max(known, default=0.0)
    return [cost / dearest for cost in known] if dearest > 0 else [1.0] * len(known)
