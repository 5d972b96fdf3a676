"""What is found of a document in both databases, and what is left of it in none."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from rag_router.errors import UnknownNameError
from rag_router.store.audit import AuditEntry, add_audit, check_audit
from rag_router.store.erasures import (
    add_erasure,
    erased_since,
    erasure,
    erasures,
    note_step,
    open_erasures,
    orphaned_feedback,
    print_of,
    remove_rows_of_document,
    remove_rows_of_tenant,
    renew_plan,
    traces_of,
    without_erased_words,
)
from rag_router.store.scrubbing import scrub
from rag_router.store.service_tables import (
    FeedbackRow,
    JobRow,
    ReplyRow,
    ServiceTables,
    TraceRow,
    UploadRow,
)

ODD = 'é "50%_\\'


def trace(id_, *passages, tenant="a", index="pumps"):
    shown = [{"id": one, "index": index, "text": "…"} for one in passages]
    return TraceRow(
        id=id_,
        tenant=tenant,
        request="",
        reason="contextual",
        abstained=False,
        confidence=0.5,
        kept="full",
        answer={"question": "?", "passages": shown},
        created=1.0,
    )


def feedback(id_, trace_id, answer="", correct="", tenant="a"):
    return FeedbackRow(
        id=id_,
        tenant=tenant,
        trace=trace_id,
        verdict="right",
        correct_answer=correct,
        comment="",
        question="?",
        answer=answer,
        reason="contextual",
        created=1.0,
    )


def reply(key, body, tenant="a"):
    return ReplyRow(tenant=tenant, key=key, request="r", status=200, body=body, created=1.0)


def put(database, *rows):
    with database.writing() as session:
        session.add_all(rows)


def found(database, *documents, tenant="a", indexes=("pumps",)):
    with database.reading() as session:
        return traces_of(session, tenant, indexes, documents)


def test_traces_are_found_by_the_document_whatever_it_is_called(database):
    put(
        database,
        trace("t1", "one.md#0", "two.md#3"),
        trace("t2", f"{ODD}#1"),
        trace("t3", "one.md.old#0"),
        trace("t4", "one.md#0", index="taps"),
        trace("t5", "one.md#0", tenant="b"),
        trace("t6", "xone.md#0", "onexmd#0"),
    )
    assert found(database, "one.md") == ["t1"]
    assert found(database, ODD) == ["t2"]
    assert found(database, "two.md", ODD, "none") == ["t1", "t2"]
    assert found(database, "one.md", indexes=None) == ["t1", "t4"]
    assert found(database, "one.md", tenant=None, indexes=None) == ["t1", "t4", "t5"]
    many = [f"{n}.md" for n in range(120)]
    assert found(database, *many, "two.md") == ["t1"]


def test_feedback_whose_trace_has_gone_is_known_by_its_words(database):
    put(
        database,
        trace("t1", "one.md#0"),
        feedback("f1", "t1", answer="every 40 days"),
        feedback("f2", "gone", answer="Every 40 Days"),
        feedback("f3", "gone", answer="never", correct="every 40 days"),
        feedback("f4", "gone", answer="never"),
        feedback("f5", "gone"),
        feedback("f6", "gone", answer="every 40 days", tenant="b"),
    )
    with database.reading() as session:
        held = orphaned_feedback(session, "a", ["The pump is oiled every 40 days."])
    assert sorted(held) == ["f2", "f3"]


def test_all_rows_about_a_document_go_and_no_others(database):
    put(
        database,
        trace("trace_1", "one.md#0"),
        trace("trace_2", "two.md#0"),
        feedback("fb_1", "trace_1"),
        feedback("fb_2", "trace_2"),
        feedback("fb_3", "gone"),
        reply("k1", {"document": {"id": "doc_1"}}),
        reply("k2", {"id": "fb_1"}),
        reply("k3", {"document": {"id": "doc_2"}}),
    )
    entries = [
        AuditEntry(at=1.0, tenant="a", key="", action="x", target=target, words={"user": "ann"})
        for target in ("trace_1", "trace_2", "trace_9", "doc_1 job_1", "doc_2")
    ]
    with database.writing() as session:
        add_audit(session, entries)
        counts = remove_rows_of_document(
            session, "a", upload="doc_1", jobs=["job_1"], traces=["trace_1"], feedback=["fb_3"]
        )
    # trace_9 is nobody knows what: it has gone before.
    assert counts == {
        "traces": 1,
        "feedback": 2,
        "replies": 2,
        "jobs": 0,
        "uploads": 0,
        "audit words": 3,
    }
    with database.reading() as session:
        assert session.scalars(select(TraceRow.id)).all() == ["trace_2"]
        assert session.scalars(select(FeedbackRow.id)).all() == ["fb_2"]
        assert session.scalars(select(ReplyRow.key)).all() == ["k3"]
        checked = check_audit(session)
    assert (checked.problems, checked.wordless) == ((), 3)


def test_a_tenant_has_no_row_left_in_any_table_but_those_that_tell_of_it(database):
    put(
        database,
        *(trace(f"t{t}", "one.md#0", tenant=t) for t in "ab"),
        *(feedback(f"f{t}", "x", tenant=t) for t in "ab"),
        *(reply("k", {}, tenant=t) for t in "ab"),
    )
    with database.writing() as session:
        add_audit(session, [AuditEntry(at=1.0, tenant="a", key="", action="x", words={"w": 1})])
        counts = remove_rows_of_tenant(session, "a")
    assert (counts["traces"], counts["feedback"], counts["replies"]) == (1, 1, 1)
    assert counts["audit words"] == 1
    tables = {t.name for t in ServiceTables.metadata.sorted_tables if "tenant" in t.columns}
    assert set(counts) - {"audit words"} == tables - {"audit", "erasures"}
    with database.reading() as session:
        for table in tables - {"audit"}:
            left = session.execute(text(f"SELECT tenant FROM {table}")).scalars().all()
            assert set(left) <= {"b"}


def test_an_erasure_is_open_until_it_is_done_and_notes_its_steps(database):
    plan = {"indexes": ["pumps"], "documents": ["one.md"], "jobs": []}
    with database.writing() as session:
        row = add_erasure(session, "a", "document", "doc_1", plan, documents=["one.md"], now=5.0)
        note_step(session, row.id, "indexes", {"documents": 1})
        id_ = row.id
    with database.reading() as session:
        assert [row.id for row in open_erasures(session)] == [id_]
        assert erasure(session, id_).report == [{"step": "indexes", "documents": 1}]
        assert erased_since(session, 5.0) == ({print_of("one.md")}, frozenset())
        assert erased_since(session, 5.1) == (frozenset(), frozenset())
        assert [row.id for row in erasures(session, "a", limit=5)] == [id_]
        assert erasures(session, "b", limit=5) == []
        with pytest.raises(UnknownNameError):
            erasure(session, id_, "b")
    with database.writing() as session:
        erasure(session, id_).state = "done"
    with database.reading() as session:
        assert open_erasures(session) == []


def test_what_came_while_somebody_worked_on_it_is_taken_into_the_plan(database):
    upload = UploadRow(
        id="doc_1",
        tenant="a",
        collection="pumps",
        name="one.md",
        state="removing",
        version=2,
        bytes=1,
        sha256="",
        meta={},
        index_ids=["one.md", "new.md"],
        passages=1,
        problem="",
        hint="",
        created=1.0,
        changed=1.0,
    )
    put(database, upload)
    plan = {"indexes": ["pumps"], "documents": ["one.md"], "jobs": []}
    with database.writing() as session:
        row = add_erasure(session, "a", "document", "doc_1", plan, documents=["one.md"], now=5.0)
        renewed = renew_plan(session, row.id)
        assert renewed.plan["documents"] == ["one.md", "new.md"]
        assert renewed.prints == [print_of("one.md"), print_of("new.md")]


def test_a_tenants_plan_takes_in_its_jobs(database):
    job = JobRow(
        id="job_1",
        tenant="a",
        kind="put",
        state="running",
        collection="pumps",
        upload="doc_1",
        name="one.md",
        version=1,
        meta={},
        attempts=1,
        problem="",
        hint="",
        created=1.0,
    )
    put(database, job)
    with database.writing() as session:
        plan = {"indexes": [], "documents": [], "jobs": []}
        row = add_erasure(session, "a", "tenant", "a", plan, now=5.0)
        assert renew_plan(session, row.id).plan["jobs"] == ["job_1"]


def test_a_database_that_was_written_anew_holds_what_it_held(database):
    put(database, *(trace(f"t{n}", "one.md#0") for n in range(50)))
    with database.writing() as session:
        remove_rows_of_document(
            session, "a", upload="", jobs=[], traces=[f"t{n}" for n in range(1, 50)], feedback=[]
        )
    scrub(database)
    with database.reading() as session:
        assert session.scalars(select(TraceRow.id)).all() == ["t0"]


def test_words_that_wait_are_left_out_once_what_they_tell_of_is_gone(database):
    def said(at, tenant, **words):
        return AuditEntry(at=at, tenant=tenant, key="k", action="POST /v1/answer", words=words)

    with database.writing() as session:
        session.add(trace("trace_there"))
        add_erasure(session, "gone", "tenant", "gone", {}, now=100.0)
    kept = [
        said(90.0, "a", answers=[{"trace": "trace_there", "question": "?"}]),
        said(90.0, "a", user="somebody"),
        # Longer ago than anything that was under way: this is a new tenant of that name.
        said(161.0, "gone", user="somebody"),
    ]
    lost = [
        said(90.0, "a", answers=[{"trace": "trace_lost", "question": "?"}]),
        said(90.0, "gone", user="somebody"),
        said(159.0, "gone", user="somebody"),
    ]
    with database.reading() as session:
        for one in kept:
            assert without_erased_words(session, [one]) == [one]
        told = without_erased_words(session, lost)
    assert [one.words for one in told] == [None] * 3
    assert [(one.at, one.tenant) for one in told] == [(one.at, one.tenant) for one in lost]
