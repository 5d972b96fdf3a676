"""What an answer of a pool tells of the choice: who was considered, and who could not answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rag_router.experts.routing import Choice
from rag_router.orchestrator.considering import Considered
from rag_router.types import Answer, Candidate, Degradation, ExpertChoice

__all__ = ["Chosen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Who answers a question, and how it came to that.

    Attributes:
        choice: Who answers, or would have.
        ranking: All candidates, best first.
        router: What ranked them.
        passed_over: Who could not answer, and why, in the order in which they were asked.
        unheard: Who could not tell what it knows, and why.
        known: What candidates have found out about the question for the ranking.
        route_ms: Milliseconds that the ranking took.
        notes: What the one that answers could not be told.
    """

    choice: Choice
    ranking: Sequence[Choice]
    router: str
    passed_over: Mapping[str, str] = field(default_factory=dict)
    unheard: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, Considered] = field(default_factory=dict)
    route_ms: float = 0.0
    notes: Sequence[Degradation] = ()

    @property
    def degraded(self) -> tuple[Degradation, ...]:
        """What did not go as it should."""
        said = [f"{name} could not answer: {why}" for name, why in self.passed_over.items()]
        # It is not first in any ranking for want of what it would have said.
        said += [
            f"{one.name} could not tell what it knows: {self.unheard[one.name]}"
            for one in self.ranking
            if one.name in self.unheard and one.name not in self.passed_over
        ]
        return (*(Degradation(stage="route", what=what) for what in said), *self.notes)

    def told(self, answer: Answer) -> Answer:
        """Write it into an answer; what the others read is charged to it."""
        timings = dict(answer.timings_ms)
        if timings:
            timings["route"] = timings.get("route", 0.0) + self.route_ms
            timings["total"] = timings.get("total", 0.0) + self.route_ms
        usage = answer.usage
        for name, known in self.known.items():
            if name != self.choice.name:
                cost = known.usage
                usage = replace(
                    usage,
                    prompt_tokens=usage.prompt_tokens + cost.prompt_tokens,
                    lm_forward_passes=usage.lm_forward_passes + cost.lm_forward_passes,
                )
        chosen = len(self.ranking) > 1
        expert = ExpertChoice(
            name=self.choice.name,
            score=self.choice.score,
            router=self.router if chosen else "",
            candidates=tuple(
                Candidate(name=one.name, score=one.score, why=one.why) for one in self.ranking
            )
            if chosen
            else (),
        )
        return replace(
            answer,
            route=replace(answer.route, expert=expert),
            usage=usage,
            timings_ms=timings,
            degraded=(*answer.degraded, *self.degraded),
        )
