"""What people said afterwards, and what it says of the gate."""

from __future__ import annotations

import pytest

from rag_router.store.feedback import add_feedback
from rag_router.store.hindsight import judgements, memory_was_right, traces_in_hindsight
from rag_router.store.traces import add_traces, trace


def answered(
    text="90 days", *, memory=None, reason="contextual", advised=True, looked=True, p_know=0.2
):
    return {
        "question": "How often?",
        "answer": text,
        "reason": reason,
        "abstained": text is None,
        "confidence": 0.5,
        "passages": [],
        "knowledge": {"gate": "p_ik", "p_know": p_know, "advised": advised, "retrieve": looked},
        "conflict": {"closed_book_answer": memory},
    }


FROM_MEMORY = answered("Paris", reason="parametric", advised=False, looked=False, p_know=0.9)


class Said:
    def __init__(self, verdict, correct_answer=""):
        self.verdict, self.correct_answer = verdict, correct_answer


@pytest.mark.parametrize(
    ("answer", "said", "right"),
    [
        (FROM_MEMORY, None, None),
        (FROM_MEMORY, Said("right"), True),
        (FROM_MEMORY, Said("wrong"), False),
        (answered(), Said("right"), None),
        (answered(memory="every 90 days"), Said("right"), True),
        (answered(memory="60 days"), Said("right"), False),
        (answered(memory="every 90 days"), Said("wrong"), False),
        (answered(memory="60 days"), Said("wrong"), None),
        (answered(memory="60 days"), Said("wrong", "60 days"), True),
        (answered(None, reason="no_knowledge", memory="60 days"), Said("wrong", "60"), True),
        (answered(None, reason="no_knowledge", memory="60 days"), Said("right"), None),
    ],
)
def test_memory_was_right_where_what_was_said_tells_so(answer, said, right):
    assert memory_was_right(answer, said) is right


@pytest.fixture
def kept(database):
    """A database of answers by name, with what was said of them."""
    rows = {
        "memory, right": (FROM_MEMORY, ["right"]),
        "memory, wrong": (FROM_MEMORY | {"answer": "Lyon"}, ["right", "wrong"]),
        "needless": (answered(memory="90 days", p_know=0.3), ["right"]),
        "needed": (answered(memory="60 days", p_know=0.1), ["right"]),
        "nobody said": (answered(memory="90 days"), []),
        "overruled": (answered(memory="90 days", advised=False, p_know=0.8), ["right"]),
    }
    names = {}
    with database.writing() as session:
        for name, (answer, verdicts) in rows.items():
            (id_,) = add_traces(session, "default", [answer], kept="full", now=1)
            names[id_] = name
            for verdict in verdicts:
                add_feedback(session, trace(session, "default", id_), verdict, now=1)
        (other,) = add_traces(session, "acme", [FROM_MEMORY], kept="full", now=1)
        add_feedback(session, trace(session, "acme", other), "wrong", now=1)
    return database, names


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ("too_sure", ["memory, wrong"]),
        ("too_unsure", ["needless"]),
        ("unchanged", ["overruled", "nobody said", "needless"]),
    ],
)
def test_answers_are_found_by_what_the_gate_got_wrong(kept, wanted, there):
    database, names = kept
    with database.reading() as session:
        page = traces_in_hindsight(session, "default", wanted=wanted, limit=9)
        assert [names[row.id] for row in page.rows] == there
        first = traces_in_hindsight(session, "default", wanted=wanted, limit=1)
        assert [names[row.id] for row in first.rows] == there[:1]
        if len(there) > 1:
            rest = traces_in_hindsight(
                session, "default", wanted=wanted, limit=9, cursor=first.next
            )
            assert [names[row.id] for row in rest.rows] == there[1:]


def test_they_can_be_narrowed_further(kept):
    database, _ = kept
    with database.reading() as session:
        look = {"wanted": "unchanged", "limit": 9}
        assert not traces_in_hindsight(session, "default", abstained=True, **look).rows
        assert not traces_in_hindsight(session, "default", reason="conflict", **look).rows


def test_what_people_said_tells_how_right_the_gate_was(kept):
    database, _ = kept
    with database.reading() as session:
        assert judgements(session, "default", "p_ik") == [
            (0.9, True),
            (0.9, False),
            (0.3, True),
            (0.1, False),
            (0.8, True),
        ]
        assert judgements(session, "default", "entropy") == []
        assert judgements(session, "acme", "p_ik") == [(0.9, False)]
