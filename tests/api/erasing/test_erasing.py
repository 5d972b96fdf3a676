"""After an erasure no byte of what was erased is in any file, nor in the database."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from kept_service import keeping
from said import done, given, problem, upload
from sqlalchemy import select

from rag_router.api.erasing import Eraser
from rag_router.api.resources import Resources
from rag_router.cli.main import main
from rag_router.outcomes import Outcome, OutcomeCache, OutcomeKey
from rag_router.settings import Settings
from rag_router.store.service_tables import TraceRow

MARK = "Zymurgique"
TEXT = f"The {MARK} pump is oiled every 40 days."
QUESTION = f"How often is the {MARK} pump oiled?"
OTHER = "The Sorrel tap is red."


def ask(client, question=QUESTION, **more):
    asked = {"question": question, "retrieval": "always", **more}
    return given(client.post("/v1/answer", json=asked))["answers"][0]


def finished(client, response):
    row = given(response, 202)
    for _ in range(200_000):
        row = given(client.get(f"/v1/erasures/{row['id']}"))
        if row["state"] == "done":
            return row
        assert not row["problem"], row
    raise AssertionError(f"it was never done: {row}")


def files_with(folder: Path, mark=MARK):
    """Files below a folder, backups included, that hold the mark or are called after it."""
    marks = [mark.encode(), mark.encode("utf-16-le"), json.dumps(mark)[1:-1].encode()]
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if mark.lower() in path.name.lower()
        or (path.is_file() and any(one in path.read_bytes() for one in marks))
    ]


@pytest.fixture
def home(tmp_path):
    """A service's home where a mark has got everywhere that it can."""
    with keeping(tmp_path, audit={"content": True}) as client:
        given(client.post("/v1/collections", json={"name": "pumps"}), 201)
        upload(client, "tap.txt", OTHER, "pumps")
        key = {"Idempotency-Key": "pump-1"}
        body = {"collection": "pumps", "name": f"{MARK}.txt", "text": f"Old. {TEXT}"}
        document = given(
            client.post("/v1/documents", json=body | {"metadata": {"of": MARK}}, headers=key), 202
        )
        done(client, document["job"]["id"])
        id_ = document["document"]["id"]
        # A second version: the first one stands in the generation before.
        again = client.put(f"/v1/documents/{id_}", json={"text": TEXT, "metadata": {"of": MARK}})
        done(client, given(again, 202)["job"]["id"])
        answer = ask(client, indexes=["pumps"])
        said = {"trace": answer["trace"], "verdict": "wrong", "comment": f"{MARK}, really"}
        given(client.post("/v1/feedback", json=said), 201)
        orphan = ask(client, indexes=["pumps"])
        said = {"trace": orphan["trace"], "verdict": "wrong", "correct_answer": TEXT}
        given(client.post("/v1/feedback", json=said, headers={"Idempotency-Key": "said-1"}), 201)
        client.delete(f"/v1/traces/{orphan['trace']}")
        client.app.state.guards.audit.flush()
        cache = OutcomeCache(tmp_path / "home" / "outcomes.sqlite")
        cache.put({OutcomeKey(model="m", prompt="p", decoding="d"): Outcome(TEXT, (0.0,))})
        cache.close()
        client.app.state.service.resources.library.backup("pumps", tmp_path / "safe")
        assert len(files_with(tmp_path)) >= 5
        yield client, tmp_path, id_


def test_a_document_is_gone_everywhere_and_the_others_stay(home):
    client, folder, id_ = home
    row = finished(client, client.post("/v1/erasures", json={"document": id_}))
    report = {one.pop("step"): one for one in row["report"]}
    assert list(report) == ["indexes", "backups", "uploads", "outcomes", "rows", "database"]
    assert report["indexes"]["documents"] == report["backups"]["documents"] == 1
    assert report["outcomes"] == {"outcomes": 1}
    rows = report["rows"]
    assert (rows["traces"], rows["feedback"], rows["jobs"], rows["uploads"]) == (1, 2, 2, 1)
    assert rows["replies"] == 2
    client.app.state.guards.audit.flush()
    assert files_with(folder) == []
    problem(client.get(f"/v1/documents/{id_}"), 404)
    assert ask(client, indexes=["pumps"])["passages"][0]["text"] == OTHER
    # Asking for it once more is a question of somebody's, and no document.
    assert given(client.get("/v1/documents"))["items"][0]["name"] == "tap.txt"


def test_the_database_holds_nothing_of_it_in_any_column(home):
    client, folder, id_ = home
    finished(client, client.post("/v1/erasures", json={"document": id_}))
    with sqlite3.connect(folder / "home" / "service.sqlite") as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert MARK not in dump
    assert "tap.txt" in dump


def test_who_erased_it_stays_written_down_and_the_chain_holds(home):
    client, _, id_ = home
    row = finished(client, client.post("/v1/erasures", json={"document": id_}))
    client.app.state.guards.audit.flush()
    # Asking how far it has come may have filled pages by now.
    for action in ("erased document", "POST /v1/erasures"):
        (line,) = given(client.get("/v1/audit", params={"action": action}))["items"]
        assert (line["action"], line["target"]) == (action, row["id"])
    from rag_router.store.audit import check_audit

    with client.app.state.service.resources.database.reading() as session:
        checked = check_audit(session)
    assert (checked.problems, checked.wordless > 0) == ((), True)


def test_a_dry_run_tells_what_would_go_and_erases_nothing(home):
    client, folder, id_ = home
    before = files_with(folder)
    told = given(client.post("/v1/erasures", json={"document": id_, "dry_run": True}))
    assert (told["id"], told["state"]) == (None, "planned")
    assert told["found"] == {"documents": 1, "jobs": 2, "traces": 1, "feedback": 1}
    assert files_with(folder) == before
    given(client.get(f"/v1/documents/{id_}"))


def test_what_was_removed_before_can_still_be_erased_from_what_it_has_left(home):
    client, folder, id_ = home
    removed = given(client.delete(f"/v1/documents/{id_}"), 202)
    assert done(client, removed["job"]["id"])["state"] == "done"
    assert files_with(folder)
    problem(client.post("/v1/erasures", json={"document": id_}), 404)
    gone = {"collection": "pumps", "document": f"{MARK}.txt"}
    row = finished(client, client.post("/v1/erasures", json=gone))
    assert MARK not in row["target"]
    client.app.state.guards.audit.flush()
    assert files_with(folder) == []
    with client.app.state.service.resources.database.reading() as session:
        assert session.scalars(select(TraceRow.id)).all() == []
    problem(client.post("/v1/erasures", json=gone | {"document": "none"}), 404)
    problem(client.post("/v1/erasures", json={"collection": "pumps"}), 422)


def test_a_tenant_is_gone_everywhere(home):
    client, folder, _ = home
    asked = {"tenant": "default", "confirm": "default"}
    row = finished(client, client.post("/v1/erasures", json=asked))
    client.app.state.guards.audit.flush()
    assert files_with(folder) == files_with(folder, "Sorrel") == []
    assert given(client.get("/v1/documents"))["items"] == []
    assert given(client.get("/v1/collections"))["items"] == []
    assert row["target"] == "default"


def test_a_tenant_is_not_erased_by_accident(home):
    client, folder, _ = home
    before = files_with(folder)
    problem(client.post("/v1/erasures", json={"tenant": "default"}), 422)
    problem(client.post("/v1/erasures", json={"tenant": "nobody", "confirm": "nobody"}), 404)
    problem(client.post("/v1/erasures", json={}), 422)
    problem(client.post("/v1/erasures", json={"document": "doc_none"}), 404)
    assert files_with(folder) == before


def test_a_backup_that_is_not_to_be_had_keeps_an_erasure_open(home):
    client, folder, id_ = home
    (folder / "safe").rename(folder / "elsewhere")
    row = given(client.post("/v1/erasures", json={"document": id_}), 202)
    while not row["problem"]:
        row = given(client.get(f"/v1/erasures/{row['id']}"))
    assert row["state"] == "open"
    assert "safe is not to be had. Mount it" in row["problem"]
    # Everything else is done as soon as it can be.
    assert [one["step"] for one in row["report"]] == ["indexes", "uploads", "outcomes", "rows"]
    (folder / "elsewhere").rename(folder / "safe")
    eraser = Eraser(client.app.state.service.resources)
    assert eraser.work()
    assert given(client.get(f"/v1/erasures/{row['id']}"))["state"] == "done"
    assert files_with(folder) == []


def test_an_answer_that_was_under_way_is_not_kept(home):
    client, folder, id_ = home
    resources: Resources = client.app.state.service.resources
    answer = ask(client, indexes=["pumps"])
    answer.pop("trace")
    arrived = resources.clock()
    finished(client, client.post("/v1/erasures", json={"document": id_}))
    from rag_router.api.principal import NOBODY

    assert resources.keep(NOBODY, [answer], "late", since=arrived) == [answer]
    # Nor are its words in the audit log, neither of what was kept before nor of what is not.
    assert resources.words_of([answer]) == []
    client.app.state.guards.audit.flush()
    assert files_with(folder) == []


def test_what_waits_to_be_indexed_never_is(tmp_path):
    body = {"collection": "pumps", "name": "pump.txt", "text": TEXT}
    with keeping(tmp_path) as client:
        given(client.post("/v1/collections", json={"name": "pumps"}), 201)
        id_ = given(client.post("/v1/documents", json=body), 202)["document"]["id"]
        erased = client.post("/v1/erasures", json={"document": id_})
        # Whether it waits, runs or is done: no new version comes in between.
        late = client.put(f"/v1/documents/{id_}", json={"text": TEXT})
        assert late.status_code in {404, 409}
        finished(client, erased)
    assert files_with(tmp_path) == []


def test_the_command_line_erases_where_no_service_runs(tmp_path, monkeypatch, capsys):
    with keeping(tmp_path) as client:
        given(client.post("/v1/collections", json={"name": "pumps"}), 201)
        id_ = upload(client, "pump.txt", TEXT, "pumps")["id"]
        ask(client, indexes=["pumps"])
    monkeypatch.setenv("RAG_ROUTER_HOME", str(tmp_path / "home"))

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return ended.value.code, capsys.readouterr().out

    code, out = run("erase", "document", id_, "--dry-run", "--json")
    assert (code, json.loads(out)["state"]) == (0, "planned")
    code, out = run("erase", "document", id_, "--yes", "--json")
    assert (code, json.loads(out)["state"]) == (0, "done")
    assert files_with(tmp_path) == []
    code, out = run("erase", "list", "--json")
    assert (code, len(json.loads(out))) == (0, 1)
    code, out = run("audit", "verify", "--json")
    assert (code, json.loads(out)["problems"]) == (0, [])
    code, out = run("audit", "show", "--json")
    assert "erased document" in {line["action"] for line in json.loads(out)}
    code, out = run("erase", "document", id_, "--yes")
    assert code == 2
