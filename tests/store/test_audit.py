"""The chain of the audit log: what is added to it, and what shows that somebody meddled."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from rag_router.store.audit import (
    AuditEntry,
    add_audit,
    audit_lines,
    check_audit,
    forget_audit,
    forget_words,
)


def entry(at, **more):
    usual = {"tenant": "a", "key": "k1", "action": "GET /v1/traces", "status": 200}
    return AuditEntry(at=float(at), **{**usual, **more})


@pytest.fixture
def five(database):
    """Five lines, at 1 to 5; the third and the fourth have words."""
    entries = [
        entry(1),
        entry(2, tenant="b"),
        entry(3, words={"user": "ann", "question": "Where is Oslo?"}),
        entry(4, words={"user": "bob"}, target="doc_1"),
        entry(5, action="DELETE /v1/documents/{id}", outcome="denied", status=403),
    ]
    for one in (entries[:2], entries[2:]):
        with database.writing() as session:
            add_audit(session, one)
    return database


def checked(database):
    with database.reading() as session:
        return check_audit(session)


def meddle(database, statement):
    with database.writing() as session:
        session.execute(text(statement))


def test_lines_are_numbered_and_the_chain_holds(five):
    found = checked(five)
    assert (found.lines, found.first, found.last, found.problems) == (5, 1, 5, ())
    assert found.wordless == 0
    with five.reading() as session:
        newest = audit_lines(session, limit=1).rows[0]
    assert found.head == newest.hash


def test_a_log_that_never_was_written_is_whole(database):
    found = checked(database)
    assert (found.lines, found.last, found.problems) == (0, 0, ())


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit SET status = 200 WHERE number = 5", "line 5 is not what was written"),
        ("UPDATE audit SET tenant = 'b' WHERE number = 1", "line 1 is not what was written"),
        ("UPDATE audit SET at = at + 1 WHERE number = 2", "line 2 is not what was written"),
        ("DELETE FROM audit WHERE number = 3", "line 3 is missing: line 4 stands in its place"),
        ("DELETE FROM audit WHERE number = 1", "line 1 is missing: line 2 stands in its place"),
        (
            "DELETE FROM audit WHERE number = 5",
            "the log ends with line 4, and line 5 was written last",
        ),
        (
            """UPDATE audit SET words = '{"user": "eve", "salt": "0"}' WHERE number = 4""",
            "the words of line 4 are not those that were written",
        ),
        ("UPDATE audit SET words_hash = '' WHERE number = 4", "line 4 is not what was written"),
    ],
)
def test_what_was_changed_taken_out_or_put_in_shows(five, statement, told):
    meddle(five, statement)
    assert told in checked(five).problems


def test_a_line_that_was_put_in_at_the_end_shows(five):
    columns = "at, tenant, key, action, target, outcome, status, request, words_hash, hash"
    meddle(
        five,
        f"INSERT INTO audit (number, {columns}) SELECT 6, {columns} FROM audit WHERE number = 1",
    )
    assert checked(five).problems[0] == "line 6 is not what was written"


def test_a_new_chain_has_another_head(five):
    before = checked(five).head
    for table in ("audit", "audit_chain"):
        meddle(five, f"DELETE FROM {table}")
    with five.writing() as session:
        add_audit(session, [entry(n) for n in range(1, 6)])
    assert checked(five).problems == ()
    assert checked(five).head != before


def test_words_are_erased_and_the_chain_holds(five):
    with five.writing() as session:
        assert forget_words(session, "b") == 0
        assert forget_words(session, "a", ["doc_1"]) == 1
        assert forget_words(session, "a") == 1
    found = checked(five)
    assert (found.wordless, found.problems) == (2, ())


def test_old_lines_go_from_the_beginning_and_the_rest_still_holds(five):
    with five.writing() as session:
        assert forget_audit(session, before=3.0) == 2
        add_audit(session, [entry(6)])
    found = checked(five)
    assert (found.lines, found.first, found.last, found.problems) == (4, 3, 6, ())
    meddle(five, "DELETE FROM audit WHERE number = 3")
    assert checked(five).problems[0] == "line 3 is missing: line 4 stands in its place"


def test_when_all_lines_have_gone_the_next_one_goes_on_counting(five):
    with five.writing() as session:
        assert forget_audit(session, before=100.0) == 5
        assert forget_audit(session, before=100.0) == 0
        (row,) = add_audit(session, [entry(101)])
    assert row.number == 6
    assert checked(five).problems == ()


def test_a_line_out_of_time_is_kept_until_all_before_it_may_go(database):
    with database.writing() as session:
        add_audit(session, [entry(9), entry(2), entry(10)])  # a clock was set back
        assert forget_audit(session, before=5.0) == 0
        assert forget_audit(session, before=9.5) == 2
    assert checked(database).problems == ()


def test_lines_are_found_by_tenant_time_and_action(five):
    def numbers(**wanted):
        with five.reading() as session:
            return [row.number for row in audit_lines(session, limit=9, **wanted).rows]

    assert numbers() == [5, 4, 3, 2, 1]
    assert numbers(tenant="b") == [2]
    assert numbers(since=3.0) == [5, 4, 3]
    assert numbers(since=2.0, until=4.0) == [3, 2]
    assert numbers(action="documents") == [5]
    assert numbers(action="%") == []


def test_pages_follow_each_other(five):
    with five.reading() as session:
        first = audit_lines(session, limit=3)
        second = audit_lines(session, limit=3, cursor=first.next)
    assert [row.number for row in (*first.rows, *second.rows)] == [5, 4, 3, 2, 1]
    assert second.next is None


def test_what_no_database_could_keep_is_left_out(database):
    with database.writing() as session:
        (row,) = add_audit(session, [entry(1, target="a\x00b\u202ec" + "d" * 300)])
    assert row.target == "abc" + "d" * 252
    assert checked(database).problems == ()
