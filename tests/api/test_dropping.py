"""A collection that is removed is gone with all that stood in it, whatever happens meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from kept_service import keeping
from killed_service import DROPS
from said import VALVE, done, given, problem, upload

KILLED = Path(__file__).parent / "killed_service.py"


def made(client, name):
    given(client.post("/v1/collections", json={"name": name}), 201)


def dropped(client, name, **more):
    return given(client.delete(f"/v1/collections/{name}", **more), 202)


def test_a_collection_goes_with_its_index_its_documents_and_its_jobs(client):
    made(client, "gone")
    document = upload(client, "one.txt", "Wombats dig.", "gone")
    there = {"question": "Who digs?", "indexes": ["gone"], "retrieval": "always"}
    assert given(client.post("/v1/answer", json=there))["answers"][0]["passages"]
    accepted = dropped(client, "gone")
    assert accepted["collection"]["problem"] == "it is being removed."
    assert (accepted["job"]["kind"], accepted["job"]["document"]) == ("drop", "")
    job = done(client, accepted["job"]["id"])
    assert (job["state"], job["collection"]) == ("done", "gone")
    problem(client.get("/v1/collections/gone"), 404)
    problem(client.get(f"/v1/documents/{document['id']}"), 404)
    assert given(client.get("/v1/documents?collection=gone"))["items"] == []
    jobs = given(client.get("/v1/jobs"))["items"]
    assert [one["id"] for one in jobs if one["collection"] == "gone"] == [job["id"]]
    library = client.app.state.service.resources.library
    assert "gone" not in library.names()
    assert not list(library.folder.glob("*gone*"))
    problem(client.post("/v1/answer", json=there), 404)
    problem(client.delete("/v1/collections/gone"), 404)


def test_an_empty_collection_and_one_of_the_command_line_can_be_removed(tmp_path):
    with keeping(tmp_path) as client:
        made(client, "empty")
        for name in ("empty", "towns"):
            done(client, dropped(client, name)["job"]["id"])
        names = [one["name"] for one in given(client.get("/v1/collections"))["items"]]
        assert names == ["handbook"]
        (answer,) = given(client.post("/v1/answer", json={"question": VALVE}))["answers"]
        assert answer["answer"] == "90 days"


def test_a_name_can_be_used_again_and_what_stood_there_does_not_come_back(client):
    made(client, "again")
    upload(client, "old.txt", "Old words.", "again")
    done(client, dropped(client, "again")["job"]["id"])
    made(client, "again")
    upload(client, "old.txt", "New words.", "again")
    found = given(client.post("/v1/search", json={"query": "words", "indexes": ["again"]}))
    assert [hit["text"] for hit in found["hits"]] == ["New words."]


def test_while_it_is_removed_nothing_is_put_into_it_and_asking_again_is_the_same_job(tmp_path):
    uploads = tmp_path / "home" / "uploads"
    uploads.mkdir(parents=True)
    # Somebody else works, so that everything waits.
    with FileLock(uploads / ".worker.lock"), keeping(tmp_path) as client:
        made(client, "kept")
        body = {"collection": "kept", "name": "one.txt", "text": "One."}
        waiting = given(client.post("/v1/documents", json=body), 202)
        first, second = dropped(client, "kept"), dropped(client, "kept")
        assert first == second
        refused = client.post("/v1/documents", json=body | {"name": "two.txt"})
        assert problem(refused, 409)["detail"] == "collection 'kept' is being removed."
        id_ = waiting["document"]["id"]
        assert given(client.get(f"/v1/documents/{id_}"))["state"] == "removing"
        problem(client.put(f"/v1/documents/{id_}", json={"text": "Other."}), 409)
        problem(client.delete(f"/v1/documents/{id_}"), 409)
        ended = given(client.get(f"/v1/jobs/{waiting['job']['id']}"))
        assert (ended["state"], ended["problem"]) == ("failed", "the collection is removed.")
        problem(client.post("/v1/collections", json={"name": "kept"}), 409)
        shown = {
            one["name"]: one["problem"] for one in given(client.get("/v1/collections"))["items"]
        }
        assert shown["kept"] == "it is being removed."
    with keeping(tmp_path) as client:
        assert done(client, first["job"]["id"])["state"] == "done"
        problem(client.get("/v1/collections/kept"), 404)
        assert not (uploads / waiting["job"]["id"]).exists()


def test_the_same_key_removes_once_and_tells_of_it_twice(client):
    made(client, "keyed")
    headers = {"Idempotency-Key": "drop-keyed"}
    first = dropped(client, "keyed", headers=headers)
    done(client, first["job"]["id"])
    assert dropped(client, "keyed", headers=headers) == first


def test_an_index_that_somebody_writes_to_is_waited_for(client):
    made(client, "busy")
    upload(client, "one.txt", "One.", "busy")
    library = client.app.state.service.resources.library
    with library.writing("busy"):
        job = dropped(client, "busy")["job"]["id"]
        for _ in range(3):
            assert given(client.get(f"/v1/jobs/{job}"))["state"] in {"waiting", "running"}
    assert done(client, job)["state"] == "done"


def test_an_empty_collection_that_is_asked_for_by_name_is_no_error(client):
    made(client, "new")
    asked = {"question": VALVE, "indexes": ["new"], "retrieval": "always"}
    (answer,) = given(client.post("/v1/answer", json=asked))["answers"]
    assert {"stage": "retrieve", "what": "nothing stands in new yet"} in answer["degraded"]
    assert (answer["passages"], answer["route"]["retrievers"]) == ([], [])
    trace = given(client.get(f"/v1/traces/{answer['trace']}"))
    assert trace["answer"]["degraded"] == answer["degraded"]
    both = asked | {"indexes": ["new", "handbook"]}
    (answer,) = given(client.post("/v1/answer", json=both))["answers"]
    assert answer["answer"] == "90 days"
    assert {"stage": "retrieve", "what": "nothing stands in new yet"} in answer["degraded"]
    found = given(client.post("/v1/search", json={"query": "valve", "indexes": ["new"]}))
    assert found["hits"] == []
    chat = {
        "model": "rag-router:always:index=new:trace",
        "messages": [{"role": "user", "content": VALVE}],
    }
    completion = given(client.post("/v1/chat/completions", json=chat))
    assert {"stage": "retrieve", "what": "nothing stands in new yet"} in (
        completion["rag_router"]["degraded"]
    )
    problem(client.post("/v1/answer", json=asked | {"indexes": ["nowhere"]}), 404)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    ran = subprocess.run(
        [sys.executable, str(KILLED), str(folder), *DROPS],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.stdout.splitlines() == [f"{one} {-signal.SIGKILL}" for one in DROPS], ran.stderr
    return folder


@pytest.mark.parametrize("moment", DROPS)
def test_a_service_that_is_killed_goes_on_with_it(killed, moment):
    accepted = json.loads((killed / moment / "acknowledged.json").read_text())
    with keeping(killed / moment) as client:
        assert done(client, accepted["job"]["id"])["state"] == "done"
        problem(client.get("/v1/collections/kept"), 404)
        assert given(client.get("/v1/documents"))["items"] == []
        uploads = client.app.state.service.resources.uploads.folder
        assert [path for path in uploads.iterdir() if path.name.startswith("job_")] == []
        library = client.app.state.service.resources.library
        assert sorted(library.names()) == ["handbook", "towns"]
        assert not list(library.folder.glob(".removed-*"))
