"""Was the right decision made? For question sets that say what the right one is.

`meta.decision` is one of "knows" (the model answers from memory), "look_up" (a passage answers),
"nobody_knows" (declining is right) and "conflict" (memory is right and the passages are not).
"""

from __future__ import annotations

from typing import Literal

from rag_router.errors import DataError
from rag_router.scoring import alias_match
from rag_router.types import Answer, Question

__all__ = ["Decision", "Made", "expected_decision", "made_decision", "was_right"]

Decision = Literal["knows", "look_up", "nobody_knows", "conflict"]
Made = Literal["knew", "looked up", "weighed both", "declined"]

_DECISIONS: tuple[Decision, ...] = ("knows", "look_up", "nobody_knows", "conflict")


def expected_decision(question: Question) -> Decision:
    """Return what the set says is right.

    Raises:
        DataError: the question does not say, or says something unknown.
    """
    said = question.meta.get("decision")
    for decision in _DECISIONS:
        if said == decision:
            return decision
    raise DataError(
        f"question {question.id}: meta.decision is {said!r}.", hint=f"Use {', '.join(_DECISIONS)}."
    )


def made_decision(answer: Answer) -> Made:
    """Return what was done, in words that people read."""
    made: dict[str, Made] = {
        "parametric": "knew",
        "contextual": "looked up",
        "contrast": "weighed both",
        "disagreement": "looked up",
        "no_knowledge": "declined",
        "insufficient": "declined",
        "conflict": "declined",
        "unverified": "declined",
    }
    return made[answer.reason]


def was_right(question: Question, answer: Answer) -> bool:
    """Whether the answer is right: a gold alias, or declining where nobody knows.

    A right answer counts however it was come by; what is known and what must be looked up differs
    from model to model.
    """
    if expected_decision(question) == "nobody_knows":
        return answer.abstained
    return alias_match(answer.claim, question.answers)
