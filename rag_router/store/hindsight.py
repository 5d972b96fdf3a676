"""What shows afterwards of a gate: what people said of answers tells whether memory was right.

A gate is too sure where it let memory answer and memory was wrong, and too unsure where it had
looked up what memory had right. Looking up changed nothing where memory, asked beside it, says the
same: nobody needs to have judged that. Two answers say the same where one holds the other as
correctness is judged everywhere (`scoring.alias_match`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from rag_router.scoring import alias_match
from rag_router.store.pages import Page, page_of
from rag_router.store.service_tables import FeedbackRow, TraceRow

__all__ = ["Hindsight", "Judged", "judgements", "memory_was_right", "traces_in_hindsight"]

Hindsight = Literal["too_sure", "too_unsure", "unchanged"]
"""What a gate got wrong, or what looking up did not change."""

_NEWEST: Final = 2000
"""Traces that are looked through: each is read whole, as no column holds what is asked."""


class Judged(NamedTuple):
    """What a gate thought of a question, and whether memory turned out to be right."""

    p_know: float
    right: bool


def memory_was_right(answer: Mapping[str, Any], said: FeedbackRow | None) -> bool | None:
    """Whether memory alone was right, by what somebody said; None where that cannot be told.

    Args:
        answer: In its wire form, or as much of it as was kept.
        said: Of that answer.
    """
    if said is None:
        return None
    if answer["reason"] == "parametric":
        return said.verdict == "right"
    memory, told = answer["conflict"].get("closed_book_answer"), answer.get("answer")
    if memory and said.correct_answer:
        return _same(memory, said.correct_answer)
    if not memory or not told:
        return None
    same = _same(memory, told)
    # Of something else than what was wrong, nobody has said anything.
    return same if said.verdict == "right" else (False if same else None)


def traces_in_hindsight(
    session: Session,
    tenant: str,
    *,
    wanted: Hindsight,
    limit: int,
    cursor: str | None = None,
    reason: str | None = None,
    abstained: bool | None = None,
) -> Page[TraceRow]:
    """Return a page of traces of which that holds, newest first.

    Of those that come in question at all, the newest 2,000 are looked through.

    Raises:
        UsageError: the cursor is none of this list.
    """
    said = _said(session, tenant)

    def shown(row: TraceRow) -> bool:
        if reason not in (None, row.reason) or abstained not in (None, row.abstained):
            return False
        return _holds(wanted, row.answer, said.get(row.id))

    asked = TraceRow.reason != "parametric" if wanted == "unchanged" else _of_judged(tenant)
    newest = select(TraceRow).where(TraceRow.number.in_(_newest(tenant, asked)))
    return page_of(
        session, newest, TraceRow.number, of="traces", limit=limit, cursor=cursor, shown=shown
    )


def judgements(session: Session, tenant: str, gate: str) -> list[Judged]:
    """Return what a gate thought of questions of which people have said what was right."""
    said = _said(session, tenant)
    chosen = select(TraceRow).where(TraceRow.number.in_(_newest(tenant, _of_judged(tenant))))
    found = []
    for row in session.scalars(chosen.order_by(TraceRow.number)):
        knowledge, right = row.answer["knowledge"], memory_was_right(row.answer, said[row.id])
        if right is not None and knowledge["gate"] == gate:
            found.append(Judged(knowledge["p_know"], right))
    return found


def _holds(wanted: Hindsight, answer: Mapping[str, Any], said: FeedbackRow | None) -> bool:
    knowledge = answer["knowledge"]
    if wanted == "unchanged":
        memory, told = answer["conflict"].get("closed_book_answer"), answer.get("answer")
        return bool(knowledge["retrieve"] and memory and told and _same(memory, told))
    # What it advised, and not what was done: that it was overruled is no mistake of the gate.
    wrongly = knowledge.get("advised", knowledge["retrieve"]) is (wanted == "too_unsure")
    return wrongly and memory_was_right(answer, said) is (wanted == "too_unsure")


def _same(one: str, other: str) -> bool:
    return alias_match(one, (other,)) or alias_match(other, (one,))


def _said(session: Session, tenant: str) -> dict[str, FeedbackRow]:
    """The last that was said of each trace."""
    chosen = select(FeedbackRow).where(FeedbackRow.tenant == tenant).order_by(FeedbackRow.number)
    return {row.trace: row for row in session.scalars(chosen)}


def _of_judged(tenant: str) -> ColumnElement[bool]:
    return TraceRow.id.in_(select(FeedbackRow.trace).where(FeedbackRow.tenant == tenant))


def _newest(tenant: str, asked: ColumnElement[bool]) -> Any:
    numbers = select(TraceRow.number).where(TraceRow.tenant == tenant, asked)
    newest = numbers.order_by(TraceRow.number.desc()).limit(_NEWEST).subquery()
    return select(newest.c.number)
