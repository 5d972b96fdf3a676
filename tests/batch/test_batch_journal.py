"""The journal: what is kept, what is refused, what is never there twice."""

from __future__ import annotations

import sqlite3

import pytest
from batch_stand_ins import said

from rag_router.batch.items import Done, Item, Trouble
from rag_router.batch.journal import Journal
from rag_router.errors import ConflictError, RagRouterError, UnavailableError
from rag_router.types import Passage, Question


def done(number, text="yes"):
    question = Question(id=str(number), text=f"question {number}")
    item = Item(number=number, id=question.id, question=question)
    if text is None:
        return Done(item=item, trouble=Trouble("QuestionError", "broken"))
    return Done(item=item, answer=said(question, text).to_json())


def texts(journal):
    return [line.get("answer", line.get("error", {}).get("message")) for line in journal.lines()]


def test_answers_come_in_the_order_of_the_plan_and_only_those_of_it(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.put([("c", done(3, "three")), ("a", done(1, "one")), ("x", done(9, "other"))])
        assert journal.plan([(0, "a"), (1, "b"), (2, "c")]) == (3, 2)
        assert texts(journal) == ["one", "three"]
    with Journal(tmp_path / "j") as again:
        assert again.answered(["a", "b", "c"]) == {"a", "c"}


def test_an_answer_is_never_written_again_and_an_error_gives_way_to_one(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.plan([(0, "a")])
        journal.put([("a", done(1, None))])
        assert (journal.answered(["a"]), journal.failed(), texts(journal)) == (set(), 1, ["broken"])
        journal.put([("a", done(1, "first"))])
        journal.put([("a", done(1, "second"))])
        journal.put([("a", done(1, None))])
        assert (journal.answered(["a"]), journal.failed(), texts(journal)) == ({"a"}, 0, ["first"])


def test_other_facts_are_refused_and_what_changed_is_named(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.bind({"gate": "p_ik", "model": "small"})
        journal.bind({"model": "small", "gate": "p_ik"})
        with pytest.raises(ConflictError, match="gate was p_ik, and is always") as refused:
            journal.bind({"gate": "always", "model": "small"})
    assert "--fresh" in refused.value.hint


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    (tmp_path / "j").write_text("something else entirely, and long enough to be looked at" * 20)
    with pytest.raises(UnavailableError, match="cannot be used"):
        Journal(tmp_path / "j")


def test_a_key_depends_on_everything_that_the_answer_depends_on():
    question = Question(id="1", text="Who?", contexts=(Passage(id="p", title="", text="He."),))
    item = Item(number=0, id="1", question=question)
    other = Question(id="1", text="Who?", contexts=(Passage(id="p", title="", text="She."),))
    keys = {
        item.key("facts"),
        item.key("other facts"),
        Item(number=0, id="2", question=question).key("facts"),
        Item(number=0, id="1", question=other).key("facts"),
        Item(number=0, id="1", question=question, document="d").key("facts"),
    }
    assert len(keys) == 5
    # Its place does not matter: lines may be added before it.
    assert Item(number=7, id="1", question=question).key("facts") in keys


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE answers SET line = 'no JSON'",
        "UPDATE answers SET line = '[]'",
        "UPDATE answers SET line = x'ff'",
        "UPDATE facts SET said = 7.5",
    ],
)
def test_what_was_not_written_by_a_journal_is_an_error_of_our_own(tmp_path, statement):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.bind({"model": "m"})
        journal.plan([(0, "a")])
    with sqlite3.connect(path, isolation_level=None) as damaged:
        damaged.execute("INSERT INTO answers VALUES ('a', 0, '{}')")
        damaged.execute(statement)
    damaged.close()
    with Journal(path) as journal, pytest.raises(RagRouterError):
        journal.bind({"model": "m"})
        list(journal.lines())
