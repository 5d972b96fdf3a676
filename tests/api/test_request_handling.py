"""What holds for every request: ids, the log, sizes, health, and the OpenAPI page."""

from __future__ import annotations

import json
import logging

import pytest
from fastapi.testclient import TestClient
from kept_service import keeping
from little_house import parts, scripted_expert
from said import VALVE, given, problem
from sqlalchemy import text

from rag_router.api.app import create_app
from rag_router.assembly import assemble
from rag_router.settings import Settings


def test_the_id_of_a_request_is_sent_back(client):
    response = client.get("/health/live", headers={"X-Request-Id": "mine-1"})
    assert response.headers["x-request-id"] == "mine-1"


@pytest.mark.parametrize("id_", ["", "a b", "é", "x" * 129, 'a"b'])
def test_an_id_that_could_break_a_log_is_not_taken(client, id_):
    raw = id_.encode()
    response = client.get("/health/live", headers=[(b"x-request-id", raw)])
    assert len(response.headers["x-request-id"]) == 32


def test_a_problem_holds_the_id_of_its_request(client):
    response = client.get("/v1/nowhere", headers={"X-Request-Id": "lost:1"})
    assert problem(response, 404)["instance"] == "urn:rag-router:request:lost:1"


def test_each_request_is_a_line_of_json_without_anybodys_words(client, caplog):
    with caplog.at_level(logging.INFO, logger="rag_router.access"):
        client.get("/v1/documents/secret-id?where=secret%3Dword")
        client.post("/v1/answer", json={"question": VALVE})
    lines = [json.loads(record.message) for record in caplog.records]
    paths = [(line["method"], line["path"], line["status"]) for line in lines]
    assert paths == [("GET", "/v1/documents/{id}", 404), ("POST", "/v1/answer", 200)]
    assert set(lines[0]) == {"at", "method", "path", "status", "ms", "bytes", "request_id"}
    assert "secret" not in caplog.text
    assert "Larkspur" not in caplog.text


def test_what_is_too_large_is_refused_by_what_it_says_and_by_what_it_is(tmp_path):
    with keeping(tmp_path, limits={"request_mb": 1}, documents={"file_mb": 1}) as client:
        large = b"x" * (2**20 + 1)
        told = problem(client.post("/v1/answer", content=large), 413)
        assert told["detail"] == "the request is larger than 1 MiB."
        problem(client.post("/v1/answer", content=iter([large[: 2**19]] * 3)), 413)
        # A file may have one MiB, and the form around it another.
        form = {"collection": "towns"}
        for size, status in ((2**20, 202), (2**20 + 1, 413), (3 * 2**20, 413)):
            files = {"file": (f"a{size}.txt", b"x " * (size // 2) + b"x" * (size % 2))}
            response = client.post("/v1/documents", files=files, data=form)
            if status == 202:
                given(response, 202)
            else:
                problem(response, status)


def broken(prompt):
    raise ZeroDivisionError("a secret of somebody's")


def test_a_bug_of_ours_is_a_problem_that_tells_nothing_and_a_line_that_tells_all(tmp_path, caplog):
    made = parts(tmp_path, expert=scripted_expert(broken))
    with TestClient(create_app(lambda: assemble(Settings(home=tmp_path), made))) as client:
        for _ in range(10_000):
            response = client.post("/v1/answer", json={"question": VALVE})
            if response.status_code != 503:
                break
    told = problem(response, 500)
    assert "secret" not in response.text
    (line,) = [record for record in caplog.records if "failed" in record.message]
    assert told["instance"].rpartition(":")[2] in line.message
    assert "ZeroDivisionError" in line.exc_text


def test_ready_says_how_each_part_is(client):
    parts = given(client.get("/health/ready"))["parts"]
    assert parts == {"models": "ok", "indexes": "ok", "store": "ok", "ingestion": "ok"}


def test_a_database_that_is_gone_makes_the_service_unready_and_answers_go_on(tmp_path):
    with keeping(tmp_path) as client:
        database = client.app.state.service.resources.database
        with database.writing() as session:
            for name in ("traces", "collections"):
                session.execute(text(f"DROP TABLE {name}"))
        (answer,) = given(client.post("/v1/answer", json={"question": VALVE}))["answers"]
        assert answer["answer"] == "90 days"
        assert {"stage": "trace", "what": "the answer could not be kept"} in answer["degraded"]
        assert "trace" not in answer
        told = problem(client.get("/v1/collections"), 503)
        assert "database cannot be used" in told["detail"]


def test_an_index_that_cannot_be_searched_is_told_of(tmp_path):
    with keeping(tmp_path) as client:
        shelf = client.app.state.service.resources.library.shelf("towns")
        (shelf.generation(1) / "vectors.faiss").write_bytes(b"broken")
        pointer = shelf.folder / "CURRENT"
        copy = pointer.with_name("NEXT")
        copy.write_text("1")
        copy.replace(pointer)
        ready = given(client.get("/health/ready"))
        assert "towns" in ready["parts"]["indexes"]
        (one,) = [c for c in given(client.get("/v1/collections"))["items"] if c["name"] == "towns"]
        assert one["documents"] == 1


def test_gates_are_listed_with_what_they_have_learned(client):
    gates = given(client.get("/v1/gates"))["items"]
    first = gates[0]
    assert (first["name"], first["in_use"]) == ("p_ik", True)
    assert {"gemma-3-270m", "smollm2-135m-instruct"} <= set(first["fitted_for"])
    # The scripted model is none of those.
    assert first["card"] is None
    assert sum(gate["in_use"] for gate in gates) == 1
    assert given(client.get("/v1/gates/p_ik")) == first
    assert "Did you mean" in problem(client.get("/v1/gates/p_ikk"), 404)["hint"]


def test_experts_are_listed_with_what_they_show(client):
    (expert,) = given(client.get("/v1/experts"))["items"]
    assert (expert["name"], expert["kind"]) == ("scripted", "local")
    assert "logits" in expert["abilities"]
    assert given(client.get("/v1/experts/scripted")) == expert
    problem(client.get("/v1/experts/nobody"), 404)


def test_the_openapi_page_has_every_endpoint_with_an_example(client):
    document = given(client.get("/openapi.json"))
    assert {
        *("/v1/answer", "/v1/collections", "/v1/documents", "/v1/documents/{id}", "/v1/jobs"),
        *("/v1/experts", "/v1/gates", "/v1/traces", "/v1/traces/{id}", "/v1/feedback"),
    } <= set(document["paths"])
    schemas = document["components"]["schemas"]
    for name in ("AnswerRequest", "NewCollection", "Collection", "Document", "Job", "Trace"):
        assert schemas[name]["examples"], name
    upload = document["paths"]["/v1/documents"]["post"]["requestBody"]["content"]
    assert set(upload) == {"multipart/form-data", "application/json"}
    assert client.get("/docs").status_code == 200
