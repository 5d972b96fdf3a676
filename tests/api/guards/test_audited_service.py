"""What a service writes down of who did what."""

from __future__ import annotations

import json
import logging

import pytest
from kept_service import keeping
from said import VALVE, given, problem, upload

from rag_router.api.guards.audit_log import AuditLog
from rag_router.store.audit import AuditEntry, audit_lines, check_audit

PEOPLE = {"redaction": {"kinds": ["email"]}}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with keeping(tmp_path_factory.mktemp("audited")) as client:
        yield client


def lines(client, **wanted):
    client.app.state.guards.audit.flush()
    return given(client.get("/v1/audit", params=wanted))["items"]


def newest(client, **wanted):
    line = lines(client, limit=1, **wanted)[0]
    return line["action"], line["target"], line["outcome"], line["status"]


def test_what_reads_or_changes_is_written_down_with_what_it_was_done_to(client):
    given(client.post("/v1/collections", json={"name": "pumps"}), 201)
    assert newest(client) == ("POST /v1/collections", "pumps", "done", 201)
    document = upload(client, "pump.txt", "The Foxglove pump is oiled.", "pumps")
    posted = lines(client, action="POST /v1/documents")[0]
    assert posted["target"].split()[0] == document["id"]
    given(client.get(f"/v1/documents/{document['id']}"))
    wanted = ("GET /v1/documents/{id}", document["id"], "done", 200)
    assert newest(client) == wanted
    (answer,) = given(client.post("/v1/answer", json={"question": VALVE}))["answers"]
    assert newest(client) == ("POST /v1/answer", answer["trace"], "done", 200)
    body = {"trace": answer["trace"], "verdict": "right"}
    said = given(client.post("/v1/feedback", json=body), 201)
    assert newest(client) == ("POST /v1/feedback", said["id"], "done", 201)
    problem(client.delete("/v1/traces/none"), 404)
    assert newest(client) == ("DELETE /v1/traces/{id}", "none", "refused", 404)
    asked = given(client.get("/v1/traces", headers={"X-Request-Id": "mine-7"}))
    assert asked["items"]
    assert lines(client, limit=1)[0]["request_id"] == "mine-7"


def test_nobodys_words_are_written_down_unless_that_is_asked_for(client):
    given(client.post("/v1/answer", json={"question": "Who is Ann Larkspur-Quill?"}))
    given(client.get("/v1/documents", params={"where": "name=Larkspur-Quill"}))
    told = json.dumps(lines(client, limit=200))
    assert "Quill" not in told
    assert all(line["words"] is None for line in json.loads(told))


def test_health_figures_and_the_page_are_not_written_down(client):
    before = lines(client, limit=1)[0]["number"]
    for path in ("/", "/health/live", "/metrics", "/openapi.json"):
        client.get(path)
    assert lines(client, limit=1)[0]["number"] == before + 1


def test_the_chain_holds_and_the_log_of_the_process_mirrors_it(client, caplog):
    with caplog.at_level(logging.INFO, logger="rag_router.audit"):
        given(client.get("/v1/jobs"))
        client.app.state.guards.audit.flush()
    mirrored = [json.loads(r.message) for r in caplog.records if r.name == "rag_router.audit"]
    line = lines(client, action="GET /v1/jobs", limit=1)[0]
    assert mirrored[-1]["hash"] == line["hash"]
    assert (mirrored[-1]["action"], mirrored[-1]["audit"]) == ("GET /v1/jobs", line["number"])
    with client.app.state.service.resources.database.reading() as session:
        assert check_audit(session).problems == ()


def test_words_are_written_down_where_that_is_asked_for_and_without_addresses(tmp_path):
    settings = {**PEOPLE, "audit": {"content": True}}
    with keeping(tmp_path, **settings) as client:
        question = "Where does ann@example.org live?"
        (answer,) = given(client.post("/v1/answer", json={"question": question}))["answers"]
        assert answer["question"] == question
        words = lines(client, action="/v1/answer")[0]["words"]
        assert words["answers"][0]["question"] == "Where does [email] live?"
        assert set(words["answers"][0]) == {"trace", "question", "answer"}
        # What is kept of the answer is without the address, too.
        kept = given(client.get(f"/v1/traces/{answer['trace']}"))["answer"]
        assert kept["question"] == "Where does [email] live?"


def test_where_no_text_is_kept_none_is_written_down(tmp_path):
    settings = {"audit": {"content": True}, "store": {"traces": "no_text"}}
    with keeping(tmp_path, **settings) as client:
        given(client.post("/v1/answer", json={"question": VALVE}))
        assert lines(client, action="/v1/answer")[0]["words"] is None


def test_a_limit_that_was_hit_is_written_down(tmp_path):
    with keeping(tmp_path, limits={"requests_per_day": 1}) as client:
        given(client.get("/v1/jobs"))
        problem(client.get("/v1/jobs"), 429)
        client.app.state.guards.audit.flush()
        with client.app.state.service.resources.database.reading() as session:
            line = audit_lines(session, limit=1).rows[0]
        assert (line.action, line.outcome, line.status) == ("GET -", "limited", 429)


def test_a_service_may_write_nothing_down(tmp_path):
    with keeping(tmp_path, audit={"enabled": False}) as client:
        given(client.get("/v1/jobs"))
        assert given(client.get("/v1/audit"))["items"] == []


class TestTheQueue:
    def entry(self, at):
        return AuditEntry(at=float(at), tenant="a", key="", action="GET /")

    def test_what_cannot_be_written_waits_and_keeps_its_order(self, kept):
        log = AuditLog(kept.noting, lambda: 0.0)
        with kept.writing() as session:
            session.connection().exec_driver_sql("ALTER TABLE audit RENAME TO elsewhere")
        for number in range(3):
            log.note(self.entry(number))
            log.flush()
        with kept.writing() as session:
            session.connection().exec_driver_sql("ALTER TABLE elsewhere RENAME TO audit")
        log.flush()
        with kept.reading() as session:
            assert [row.at for row in audit_lines(session, limit=9).rows] == [2.0, 1.0, 0.0]
            assert check_audit(session).problems == ()

    def test_two_processes_add_to_one_chain(self, kept):
        one, other = (AuditLog(kept.noting, lambda: 0.0) for _ in range(2))
        for number in range(4):
            (one, other)[number % 2].note(self.entry(number))
            (one, other)[number % 2].flush()
        with kept.reading() as session:
            assert (check_audit(session).lines, check_audit(session).problems) == (4, ())

    def test_lines_go_once_they_were_kept_long_enough(self, kept):
        log = AuditLog(kept.noting, lambda: 10 * 86_400.0, days=9.0)
        log.note(self.entry(86_399))
        log.note(self.entry(86_401))
        log.flush()
        log.tidy()
        with kept.reading() as session:
            assert [row.at for row in audit_lines(session, limit=9).rows] == [86_401.0]
