"""What one tenant puts in, no other gets out: by name, by id, by search, by question, by trace."""

from __future__ import annotations

import pytest
from kept_service import keeping
from said import VALVE, done, given, problem, upload
from tenants import EVERYTHING, key_of, sending, tenants

from rag_router.store.naming import index_name

ACME, GLOBEX = "The Sorrel code is ACME-4711.", "The Sorrel code is GLOBEX-0815."
SORREL = "What is the Sorrel code?"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Two tenants, each with a collection of the same name and a document of the same name."""
    with tenants(tmp_path_factory.mktemp("tenants"), "acme", "globex", "default") as clients:
        for client, text in zip(clients, (ACME, GLOBEX), strict=False):
            given(client.post("/v1/collections", json={"name": "notes"}), 201)
            upload(client, "code.txt", text, "notes")
        yield clients


@pytest.fixture(scope="module")
def acme(both):
    return both[0]


@pytest.fixture(scope="module")
def globex(both):
    return both[1]


@pytest.fixture(scope="module")
def operator(both):
    return both[2]


def asked(client, question=SORREL, **more):
    body = {"question": question, "retrieval": "always", **more}
    (answer,) = given(client.post("/v1/answer", json=body))["answers"]
    return answer


def test_the_same_names_hold_each_tenants_own(acme, globex):
    for client, own in ((acme, ACME), (globex, GLOBEX)):
        for more in ({}, {"indexes": ["notes"]}):
            found = asked(client, **more)["passages"]
            assert [one["text"] for one in found] == [own]
        hits = given(client.post("/v1/search", json={"query": "Sorrel code"}))["hits"]
        assert [(one["index"], one["text"]) for one in hits] == [("notes", own)]
        (document,) = given(client.get("/v1/documents"))["items"]
        assert (document["name"], document["collection"]) == ("code.txt", "notes")


def test_the_default_tenant_finds_what_it_found_before(operator):
    names = {one["name"] for one in given(operator.get("/v1/collections"))["items"]}
    assert names == {"handbook", "towns"}
    answer = asked(operator, VALVE)
    assert answer["answer"] == "90 days"
    text = operator.post("/v1/search", json={"query": "Sorrel code", "limit": 50}).text
    assert "ACME" not in text
    assert "GLOBEX" not in text


def test_names_of_others_are_names_of_nobody(acme, operator):
    told = problem(acme.post("/v1/answer", json={"question": "x", "indexes": ["handbook"]}), 404)
    assert "handbook" not in told["hint"]
    nobody = problem(acme.post("/v1/answer", json={"question": "x", "indexes": ["nobodys"]}), 404)
    assert told["hint"] == nobody["hint"]
    problem(acme.post("/v1/search", json={"query": "x", "indexes": ["handbook"]}), 404)
    problem(acme.get("/v1/collections/handbook"), 404)
    for model in ("rag-router:index=handbook", "rag-router:index=nobodys"):
        assert acme.get(f"/v1/models/{model}").status_code == 404
    problem(operator.post("/v1/search", json={"query": "x", "indexes": ["notes"]}), 404)


def test_nobody_comes_in_by_the_name_of_a_folder(both, acme, operator):
    folder = index_name("globex", "notes")
    for client in (acme, operator):
        problem(client.post("/v1/answer", json={"question": "x", "indexes": [folder]}), 404)
        problem(client.post("/v1/search", json={"query": "x", "indexes": [folder]}), 404)
        told = problem(client.post("/v1/collections", json={"name": folder}), 422)
        assert "cannot be the name of a collection" in told["detail"]
    listed = given(operator.get("/v1/collections"))["items"]
    assert not [one for one in listed if one["name"].startswith("t-")]


def test_ids_of_others_are_refused_like_ids_of_nobody(acme, globex):
    (document,) = given(globex.get("/v1/documents"))["items"]
    job = given(globex.get("/v1/jobs"))["items"][0]
    trace = asked(globex)["trace"]
    given(globex.get(f"/v1/traces/{trace}"))
    for path, nobodys in (
        (f"/v1/documents/{document['id']}", "/v1/documents/doc_0"),
        (f"/v1/jobs/{job['id']}", "/v1/jobs/job_0"),
        (f"/v1/traces/{trace}", "/v1/traces/trace_0"),
    ):
        foreign, missing = problem(acme.get(path), 404), problem(acme.get(nobodys), 404)
        assert foreign["hint"] == missing["hint"]
        id_, none = path.rsplit("/", 1)[1], nobodys.rsplit("/", 1)[1]
        assert foreign["detail"].replace(id_, none) == missing["detail"]
    problem(acme.delete(f"/v1/documents/{document['id']}"), 404)
    problem(acme.delete(f"/v1/traces/{trace}"), 404)
    files = {"file": ("code.txt", b"mine")}
    problem(acme.put(f"/v1/documents/{document['id']}", files=files), 404)
    problem(acme.post("/v1/feedback", json={"trace": trace, "verdict": "wrong"}), 404)
    assert given(globex.get(f"/v1/documents/{document['id']}"))["state"] == "indexed"


def test_a_list_begins_nowhere_in_anothers(acme, globex):
    given(globex.post("/v1/collections", json={"name": "more"}), 201)
    cursor = given(globex.get("/v1/collections", params={"limit": 1}))["next"]
    page = given(acme.get("/v1/collections", params={"cursor": cursor}))
    assert {one["name"] for one in page["items"]} <= {"notes"}


def test_a_repeated_request_is_ones_own(acme, globex):
    header = {"Idempotency-Key": "the-same"}
    for client in (acme, globex):
        answer = client.post("/v1/collections", json={"name": "once"}, headers=header)
        assert given(answer, 201)["name"] == "once"
        assert "idempotency-replayed" not in answer.headers


def test_headers_make_nobody_another_tenant(acme):
    for header in ("X-Tenant", "X-Tenant-Id", "X-Forwarded-User", "X-OpenWebUI-User-Id"):
        answer = acme.post("/v1/search", json={"query": "Sorrel code"}, headers={header: "globex"})
        assert [one["text"] for one in given(answer)["hits"]] == [ACME]


def test_models_and_streams_name_what_is_ones_own(acme, operator):
    ids = [one["id"] for one in given(acme.get("/v1/models"))["data"]]
    assert not [one for one in ids if "handbook" in one]
    assert "rag-router:index=handbook" in [
        one["id"] for one in given(operator.get("/v1/models"))["data"]
    ]
    body = {"question": SORREL, "retrieval": "always", "stream": True}
    streamed = acme.post("/v1/answer", json=body).text
    assert "ACME-4711" in streamed
    assert "GLOBEX" not in streamed
    assert index_name("acme", "notes") not in streamed


def test_an_answer_is_the_same_alone_and_among_other_tenants(acme, globex):
    from concurrent.futures import ThreadPoolExecutor

    alone = {id(client): asked(client)["passages"] for client in (acme, globex)}
    with ThreadPoolExecutor(8) as pool:
        line = [acme, globex] * 8
        together = list(pool.map(lambda client: (id(client), asked(client)["passages"]), line))
    assert all(passages == alone[client] for client, passages in together)


def test_what_is_shared_is_found_by_all_and_changed_by_its_own(both, acme, globex, operator):
    problem(acme.patch("/v1/collections/notes", json={"shared": True}), 422)
    assert given(operator.patch("/v1/collections/towns", json={"shared": True}))["shared"]
    for client in (acme, globex):
        hits = given(client.post("/v1/search", json={"query": "Oslo fjord", "indexes": ["towns"]}))
        assert [one["index"] for one in hits["hits"]] == ["towns"]
        assert given(client.get("/v1/collections/towns"))["shared"]
        files, data = {"file": ("x.txt", b"mine")}, {"collection": "towns"}
        problem(client.post("/v1/documents", files=files, data=data), 404)
    # Of two of one name, one's own is meant.
    given(acme.post("/v1/collections", json={"name": "towns"}), 201)
    upload(acme, "oslo.txt", "Oslo is where Acme sits.", "towns")
    own = given(acme.post("/v1/search", json={"query": "Oslo", "indexes": ["towns"]}))["hits"]
    assert [one["text"] for one in own] == ["Oslo is where Acme sits."]
    assert not given(operator.patch("/v1/collections/towns", json={"shared": False}))["shared"]
    problem(globex.post("/v1/search", json={"query": "Oslo", "indexes": ["towns"]}), 404)


def test_a_removed_document_goes_from_ones_own_index_alone(acme, globex):
    accepted = acme.post(
        "/v1/documents",
        files={"file": ("gone.txt", b"The Yarrow code is 1.")},
        data={"collection": "notes"},
    )
    body = given(accepted, 202)
    done(acme, body["job"]["id"])
    removed = given(acme.delete(f"/v1/documents/{body['document']['id']}"), 202)
    assert done(acme, removed["job"]["id"])["state"] == "done"
    hits = given(globex.post("/v1/search", json={"query": "Sorrel code"}))["hits"]
    assert [one["text"] for one in hits] == [GLOBEX]


def test_a_home_of_one_goes_on_when_others_join(tmp_path):
    with keeping(tmp_path) as client:
        document = upload(client, "seal.txt", "The Bracken seal is of cork.", "handbook")
        before = given(client.get(f"/v1/documents/{document['id']}"))
    with keeping(tmp_path) as client:
        operator = sending(client, key_of(client, "default", EVERYTHING))
        newcomer = sending(client, key_of(client, "acme", EVERYTHING))
        assert given(operator.get(f"/v1/documents/{document['id']}")) == before
        problem(newcomer.get(f"/v1/documents/{document['id']}"), 404)
        query = {"query": "Bracken seal"}
        assert given(operator.post("/v1/search", json=query))["hits"]
        assert given(newcomer.post("/v1/search", json=query))["hits"] == []
        assert asked(newcomer, VALVE)["passages"] == []
