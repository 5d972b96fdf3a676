"""What happens to a question, told while it happens, to whoever listens.

Every stage that a question goes through is one event of its row; the last one carries the answer.
Words are told as they are decoded. Where something may still overrule them, because the answer is
verified, weighed or judged afterwards, they say so (`certain` is false), and the answer has the
last word; what is certain is the beginning of the answer, and never taken back.

Listeners are called from the thread that answers, between two stages or two tokens, and hold it
up for as long as they take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rag_router.models.tasks import Finish
from rag_router.policy import Plan
from rag_router.types import Answer, Judged, RouteChoice

__all__ = [
    "Accepted",
    "Begun",
    "Done",
    "Event",
    "Filtered",
    "GateVerdict",
    "Heard",
    "Planned",
    "Retrieved",
    "Routed",
    "Spoke",
    "heard_as",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a question.

    Attributes:
        row: The question's place among those that were asked together, from 0.
    """

    stage: ClassVar[str] = ""
    row: int

    def to_json(self) -> dict[str, Any]:
        """Return it as plain dicts, lists, strings and numbers."""
        return {"row": self.row, "stage": self.stage}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Event):
    """It makes sense, and waits for its turn; an expert that it is handed on to says so again."""

    stage: ClassVar[str] = "accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(Event):
    """Its turn has come; `question` is how it was understood."""

    stage: ClassVar[str] = "begin"
    question: str

    def to_json(self) -> dict[str, Any]:
        return {"row": self.row, "stage": self.stage, "question": self.question}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict(Event):
    """What the gate says.

    Attributes:
        gate: Its name.
        p_know: Probability in [0, 1] that the model alone answers correctly.
        threshold: What it is compared with, where the gate has such a figure.
        advised: Whether the gate advises looking things up.
        reason: Why, in words.
    """

    stage: ClassVar[str] = "gate"
    gate: str
    p_know: float
    threshold: float | None
    advised: bool
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "stage": self.stage,
            "gate": self.gate,
            "p_know": round(self.p_know, 4),
            "threshold": self.threshold,
            "advised": self.advised,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed(Event):
    """Who answers, and where it was looked up; nowhere, where `retrievers` is empty."""

    stage: ClassVar[str] = "route"
    expert: str
    retrievers: tuple[RouteChoice, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "stage": self.stage,
            "expert": self.expert,
            "retrievers": [
                {"name": r.name, "weight": round(r.weight, 4)} | ({"why": r.why} if r.why else {})
                for r in self.retrievers
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved(Event):
    """What was found, best first.

    Attributes:
        looked: Whether anything was looked up at all.
        found: The passages; empty where nothing was.
    """

    stage: ClassVar[str] = "retrieve"
    looked: bool
    found: tuple[Judged, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "stage": self.stage,
            "looked": self.looked,
            "passages": [
                {
                    "id": j.hit.passage.id,
                    "index": j.hit.passage.index,
                    "title": j.hit.passage.title,
                    "text": j.hit.passage.text,
                    "retriever": j.hit.retriever,
                    "score": round(j.hit.score, 4),
                    **j.hit.passage.pages,
                }
                for j in self.found
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered(Event):
    """What of it is worth reading.

    Attributes:
        judged: Every passage, kept or dropped, and why.
        support: Calibrated probability that the kept ones hold the answer; None where no filter
            says so.
    """

    stage: ClassVar[str] = "filter"
    judged: tuple[Judged, ...]
    support: float | None

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "stage": self.stage,
            "support": None if self.support is None else round(self.support, 4),
            # Their texts were told when they were found.
            "passages": [
                {
                    "id": j.hit.passage.id,
                    "index": j.hit.passage.index,
                    "kept": j.kept,
                    "support": None if j.support is None else round(j.support, 4),
                    "why": j.why,
                }
                for j in self.judged
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned(Event):
    """Who is to answer: memory, passages, both or nobody."""

    stage: ClassVar[str] = "policy"
    plan: Plan

    def to_json(self) -> dict[str, Any]:
        return {"row": self.row, "stage": self.stage, "plan": self.plan}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoke(Event):
    """The next words.

    Attributes:
        text: They continue those before, of the same attempt.
        attempt: Which answer they belong to, from 1; each one takes the place of those before.
        certain: Whether they stay, whatever comes.
    """

    stage: ClassVar[str] = "decode"
    text: str
    attempt: int = 1
    certain: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "stage": self.stage,
            "text": self.text,
            "attempt": self.attempt,
            "certain": self.certain,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Event):
    """The answer; its JSON form leaves it to whoever returns it.

    Attributes:
        answer: As it is returned.
        finish: What ended its words; None where none were decoded for it.
    """

    stage: ClassVar[str] = "done"
    answer: Answer
    finish: Finish | None = None

    def to_json(self) -> dict[str, Any]:
        return {"row": self.row, "stage": self.stage, "finish": self.finish}


Heard = Callable[[Event], None]
"""What hears of events."""


def heard_as(heard: Heard | None, rows: Sequence[int]) -> Heard | None:
    """Return what hears of some of the questions and tells of them by their places among all.

    Whoever has questions answered by several others hands each of them this.

    Args:
        heard: Who hears of all of them; None is nobody.
        rows: For each question that is handed on, its place among all.
    """
    if heard is None:
        return None
    return lambda event: heard(replace(event, row=rows[event.row]))
