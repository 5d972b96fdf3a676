"""What both databases must do alike."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from rag_router.errors import (
    BusyError,
    ConflictError,
    SettingsError,
    UnavailableError,
    UnknownNameError,
    UsageError,
)
from rag_router.store.collections import add_collection, adopt_indexes, collection, collections
from rag_router.store.database import ServiceDatabase
from rag_router.store.feedback import add_feedback, all_feedback
from rag_router.store.jobs import add_job, begin_jobs, end_job, give_back, job, open_jobs
from rag_router.store.replies import Reply, forget_replies, once
from rag_router.store.traces import add_traces, forget_traces, redacted, trace, traces
from rag_router.store.uploads import File, add_upload, named_by_others, upload, uploads

ANSWER = {"reason": "parametric", "abstained": False, "confidence": 0.5, "passages": []}
FILE = File(bytes=3, sha256="0" * 64, meta={"year": 1969, "word": "ünïcødé \U0001f600"})


def test_nobody_sees_what_belongs_to_another_tenant(database):
    with database.writing() as session:
        for tenant in ("default", "acme", "acm"):
            add_collection(session, tenant, "towns", now=1)
            row = add_upload(session, tenant, "towns", "a.txt", FILE, now=1)
            add_job(session, row, "put", now=1)
            (id_,) = add_traces(
                session, tenant, [ANSWER | {"question": tenant}], kept="full", now=1
            )
            add_feedback(session, trace(session, tenant, id_), "right", now=1)
    with database.reading() as session:
        theirs = uploads(session, "acme", limit=9).rows
        assert [row.tenant for row in theirs] == ["acme"]
        assert [row.tenant for row in collections(session, "acme", limit=9).rows] == ["acme"]
        assert [row.tenant for row in traces(session, "acme", limit=9).rows] == ["acme"]
        assert [row.question for row in all_feedback(session, "acme")] == ["acme"]
        for look in (upload, job, trace):
            rows = {upload: theirs, trace: traces(session, "acme", limit=9).rows}.get(look)
            id_ = rows[0].id if rows else "job_0"
            with pytest.raises(UnknownNameError):
                look(session, "acm", id_)
        names = {collection(session, t, "towns").index_name for t in ("default", "acme", "acm")}
        assert len(names) == 3
        assert "towns" in names


def test_what_is_written_is_read_back_as_it_was(database):
    with database.writing() as session:
        id_ = add_upload(session, "default", "towns", "ä.txt", FILE, now=1234567890.125).id
    with database.reading() as session:
        row = upload(session, "default", id_)
    assert (row.meta, row.created, row.name) == (FILE.meta, 1234567890.125, "ä.txt")


def test_an_error_leaves_nothing_behind(database):
    with pytest.raises(ConflictError), database.writing() as session:
        add_collection(session, "default", "towns", now=1)
        add_collection(session, "default", "towns", now=1)
    with database.reading() as session:
        assert collections(session, "default", limit=9).rows == []


def test_of_two_that_make_the_same_at_once_one_is_told_to_try_again(database):
    def make(_):
        try:
            with database.writing() as session:
                add_collection(session, "default", "towns", now=1)
        except (BusyError, ConflictError) as exc:
            return type(exc)
        return None

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(make, range(6)))
    assert results.count(None) == 1
    with database.reading() as session:
        assert len(collections(session, "default", limit=9).rows) == 1


def test_jobs_are_begun_in_order_and_together_where_they_can_be(database):
    with database.writing() as session:
        rows = {
            name: add_upload(session, "default", place, name, FILE, now=1)
            for place, name in (("a", "1.txt"), ("a", "2.txt"), ("b", "3.txt"))
        }
        for name in ("1.txt", "2.txt", "1.txt", "3.txt"):
            add_job(session, rows[name], "put", now=1)
        add_job(session, rows["3.txt"], "remove", now=1)
    begun = []
    for _ in range(4):
        with database.writing() as session:
            jobs = begin_jobs(session, most=9, now=2)
            begun.append([(one.kind, one.name) for one in jobs])
            for one in jobs:
                end_job(session, one, None, now=3)
    # The second version of 1.txt waits for the first, and 3.txt stands in another collection.
    put = "put"
    assert begun == [
        [(put, "1.txt"), (put, "2.txt")],
        [(put, "1.txt")],
        [(put, "3.txt")],
        [("remove", "3.txt")],
    ]
    with database.writing() as session:
        assert (begin_jobs(session, most=9, now=4), open_jobs(session)) == ([], 0)


def test_what_has_ended_is_not_given_back(database):
    with database.writing() as session:
        for name in ("1.txt", "2.txt"):
            add_job(session, add_upload(session, "d", "a", name, FILE, now=1), "put", now=1)
    with database.writing() as session:
        first, second = begin_jobs(session, most=9, now=2)
        end_job(session, first, None, now=3)
        give_back(session, [first, second])
    with database.reading() as session:
        found = [job(session, "d", one.id) for one in (first, second)]
    assert [(one.state, one.attempts) for one in found] == [("done", 1), ("waiting", 0)]


def test_ids_that_another_document_brought_are_told_with_its_name(database):
    with database.writing() as session:
        first = add_upload(session, "d", "a", "one.jsonl", FILE, now=1)
        first.index_ids = ["x", "y"]
        add_upload(session, "d", "b", "other.jsonl", FILE, now=1).index_ids = ["z"]
        session.flush()
        taken = named_by_others(session, "d", "a", ["y", "z"], besides="doc_0")
        assert taken == {"y": "one.jsonl"}
        assert named_by_others(session, "d", "a", ["y"], besides=first.id) == {}


def test_a_key_is_answered_once_and_forgotten_in_time(database):
    calls = []

    def do():
        calls.append(1)
        return Reply(201, {"n": len(calls)})

    def ask(key, request, now=1.0):
        with database.writing() as session:
            return once(session, "d", key, request, do, now=now)

    assert [ask("k", "r").body, ask("k", "r").body, ask(None, "r").body] == (
        [{"n": 1}, {"n": 1}, {"n": 2}]
    )
    with pytest.raises(UsageError):
        ask("k", "other")
    with database.writing() as session:
        assert forget_replies(session, before=1.5) == 1
    assert ask("k", "other").body == {"n": 3}


def test_of_each_tenant_the_newest_traces_stay(database):
    with database.writing() as session:
        for tenant, count in (("a", 4), ("b", 1)):
            for at in range(count):
                add_traces(session, tenant, [ANSWER], kept="full", now=float(at))
        assert forget_traces(session, before=1.0, most=2) == 3
    with database.reading() as session:
        assert [row.created for row in traces(session, "a", limit=9).rows] == [3.0, 2.0]
        assert traces(session, "b", limit=9).rows == []


def test_indexes_are_adopted_once(database):
    for _ in range(2):
        with database.writing() as session:
            adopt_indexes(session, ["wiki", "towns"], now=1)
    with database.reading() as session:
        rows = collections(session, "default", limit=9).rows
    assert [row.name for row in rows] == ["towns", "wiki"]


def test_pages_hold_together_while_rows_come_and_go(database):
    def add(*names):
        with database.writing() as session:
            for name in names:
                add_collection(session, "default", name, now=1)

    add(*(f"c{n:03}" for n in range(450)))
    seen, cursor = [], None
    while True:
        with database.reading() as session:
            page = collections(session, "default", limit=100, cursor=cursor)
        seen += [row.name for row in page.rows]
        cursor = page.next
        if cursor is None:
            break
        add(f"new{len(seen)}")
    assert seen == [f"c{n:03}" for n in reversed(range(450))]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "no URL of a database"),
        ("mysql://me@here/it", "'mysql'"),
        ("postgresql://me:secret@here/it", "holds a password"),
        ("postgresql://me@here/it?password=secret", "holds a password"),
    ],
)
def test_a_url_that_cannot_be_is_refused_and_no_password_is_repeated(url, said):
    with pytest.raises(SettingsError, match=said) as caught:
        ServiceDatabase(url)
    assert "secret" not in str(caught.value)


def test_a_database_that_is_none_says_so_without_the_statement(tmp_path):
    (tmp_path / "service.sqlite").write_text("no database" * 100)
    database = ServiceDatabase.at(tmp_path / "service.sqlite")
    with pytest.raises(UnavailableError, match="cannot be used: file is not a database"):
        database.check()
    database.close()


def test_sqlite_keeps_a_log_and_waits_for_the_disk_only_where_it_must(tmp_path):
    database = ServiceDatabase.at(tmp_path / "service.sqlite")
    found = []
    for opened in (database.reading, database.noting, database.writing):
        with opened() as session:
            found.append(session.execute(text("PRAGMA synchronous")).scalar())
            assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    # 1 is NORMAL and 2 FULL.
    assert found == [1, 1, 2]
    database.close()


def test_redaction_takes_out_what_it_says(tmp_path):
    passage = {"id": "p", "title": "SECRET", "text": "SECRET", "why": "SECRET", "score": 1.0}
    answer = {
        **ANSWER,
        "question": "WORDS",
        "answer": "WORDS",
        "message": "WORDS",
        "hint": "WORDS",
        "knowledge": {"p_know": 0.5, "reason": "WORDS"},
        "route": {"retrievers": [{"name": "a", "why": "WORDS"}], "expert": {"name": "e"}},
        "conflict": {"closed_book_answer": "WORDS", "strategy": "plain"},
        "degraded": [{"stage": "s", "what": "WORDS"}],
        "passages": [passage],
        "groups": [{"relation": "duplicate", "reason": "SECRET"}],
        "tokens": [{"text": "SECRET"}],
        "disagreement": [{"answer": "WORDS", "confidence": 0.5}],
    }
    assert redacted(answer, "full") == answer
    fewer, none = redacted(answer, "no_passages"), redacted(answer, "no_text")
    assert ("SECRET" in json.dumps(fewer), "WORDS" in json.dumps(fewer)) == (False, True)
    assert ("SECRET" in json.dumps(none), "WORDS" in json.dumps(none)) == (False, False)
    assert none["passages"] == [{"id": "p", "score": 1.0}]
