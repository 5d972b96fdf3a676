"""Questions with a gold passage, and a typer that is told the types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rag_router.eval.conflicts import AnswerType
from rag_router.eval.conflicts.targets import Target, find_target
from rag_router.types import Passage, Question


@dataclass(frozen=True)
class ToldTyper:
    """Types answers by a table; what is not in it is a place."""

    types: Mapping[str, AnswerType] = field(default_factory=dict)

    def type_of(self, answer: str, *, question: str, before: str, after: str) -> AnswerType:
        del question, before, after
        return self.types.get(answer, AnswerType.LOCATION)


def passage(text: str, *, id: str = "p", title: str = "", **meta: object) -> Passage:
    return Passage(id=id, title=title, text=text, meta=meta or {"is_gold": True})


def asked(
    text: str,
    *answers: str,
    id: str = "q",
    title: str = "",
    question: str = "where is it",
    meta: Mapping[str, object] | None = None,
    contexts: Sequence[Passage] | None = None,
) -> Question:
    """A question whose one gold passage is `text`, unless contexts are given."""
    given = [passage(text, title=title)] if contexts is None else contexts
    return Question(
        id=id, text=question, answers=answers, contexts=tuple(given), meta=dict(meta or {})
    )


def target(text: str, *answers: str, typer: ToldTyper | None = None, **more: object) -> Target:
    found = find_target(asked(text, *answers, **more), typer or ToldTyper())
    assert isinstance(found, Target), found
    return found
