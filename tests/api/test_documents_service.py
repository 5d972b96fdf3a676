from __future__ import annotations

import json

import pytest
from said import VALVE, done, given, problem, upload

PUMP = "The Foxglove pump is oiled every 40 days."


@pytest.fixture(scope="module")
def pumps(client):
    given(client.post("/v1/collections", json={"name": "pumps"}), 201)
    return "pumps"


def found(client, question, **more):
    asked = {"question": question, "retrieval": "always", **more}
    (answer,) = given(client.post("/v1/answer", json=asked))["answers"]
    return {passage["id"] for passage in answer["passages"]}


def test_what_was_uploaded_is_found_by_the_running_service(client, pumps):
    document = upload(client, "pump.txt", PUMP, pumps, metadata='{"topic": "oil"}')
    assert (document["state"], document["version"], document["passages"]) == ("indexed", 1, 1)
    assert (document["bytes"], document["index_ids"]) == (len(PUMP), ["pump.txt"])
    question = "How often is the Foxglove pump oiled?"
    assert "pump.txt#0" in found(client, question)
    assert found(client, question, indexes=[pumps], where={"topic": "oil"}) == {"pump.txt#0"}
    assert found(client, question, indexes=[pumps], where={"topic": ["ink"]}) == set()
    # What was indexed needs no file beside the index any more.
    assert given(client.get("/health/ready"))["parts"]["ingestion"] == "ok"


def test_a_text_is_uploaded_as_json(client, pumps):
    body = {
        "collection": pumps,
        "name": "seal.md",
        "text": "# Seals\n\nThe Bracken seal is made of cork.",
        "metadata": {"year": 2026, "tags": ["a", "b"], "current": True},
    }
    accepted = given(client.post("/v1/documents", json=body), 202)
    job = done(client, accepted["job"]["id"])
    assert (job["kind"], job["state"], job["attempts"]) == ("put", "done", 1)
    assert job["document"] == accepted["document"]["id"]
    assert "seal.md#0" in found(client, "What is the Bracken seal made of?", indexes=[pumps])


def test_a_new_version_takes_the_place_of_the_one_before(client, pumps):
    document = upload(client, "tap.txt", "The Sorrel tap is red.", pumps)
    place = f"/v1/documents/{document['id']}"
    accepted = given(client.put(place, files={"file": ("new.txt", b"The tap is blue.")}), 202)
    done(client, accepted["job"]["id"])
    now = given(client.get(place))
    assert (now["name"], now["version"], now["state"]) == ("tap.txt", 2, "indexed")
    (answer,) = given(
        client.post(
            "/v1/answer",
            json={"question": "What colour is the tap?", "retrieval": "always", "indexes": [pumps]},
        )
    )["answers"]
    texts = {p["id"]: p["text"] for p in answer["passages"]}
    assert texts["tap.txt#0"] == "The tap is blue."


def test_a_document_that_is_removed_is_not_found_any_more(client, pumps):
    document = upload(client, "secret.txt", "The Teasel safe opens with 4711.", pumps)
    assert "secret.txt#0" in found(client, "What opens the Teasel safe?", indexes=[pumps])
    place = f"/v1/documents/{document['id']}"
    accepted = given(client.delete(place), 202)
    assert accepted["document"]["state"] == "removing"
    assert done(client, accepted["job"]["id"])["state"] == "done"
    problem(client.get(place), 404)
    assert "secret.txt#0" not in found(client, "What opens the Teasel safe?", indexes=[pumps])
    # Its name is free again.
    assert upload(client, "secret.txt", "Nothing.", pumps)["state"] == "indexed"


def test_what_cannot_be_read_fails_and_says_why(client, pumps):
    document = upload(client, "rows.jsonl", "{broken", pumps)
    assert document["state"] == "failed"
    assert document["problem"].startswith("rows.jsonl:1")
    (job,) = given(client.get("/v1/jobs", params={"document": document["id"]}))["items"]
    assert (job["state"], job["problem"]) == ("failed", document["problem"])
    failed = given(client.get("/v1/documents", params={"state": "failed"}))["items"]
    assert [one["id"] for one in failed] == [document["id"]]


def test_documents_are_listed_by_collection_and_by_what_was_said_of_them(client):
    given(client.post("/v1/collections", json={"name": "listed"}), 201)
    for number in range(4):
        meta = json.dumps({"year": 2020 + number, "lang": "de" if number % 2 else "en"})
        upload(client, f"n{number}.txt", f"Number {number}.", "listed", metadata=meta)

    def names(**params):
        listed = given(client.get("/v1/documents", params={"collection": "listed", **params}))
        return [one["name"] for one in listed["items"]]

    assert names() == ["n3.txt", "n2.txt", "n1.txt", "n0.txt"]
    assert names(where="lang=de") == ["n3.txt", "n1.txt"]
    assert names(where=["year>=2021", "year<2023"]) == ["n2.txt", "n1.txt"]
    assert names(where="year!=2021") == ["n3.txt", "n2.txt", "n0.txt"]
    assert names(where="topic=none") == []
    first = given(
        client.get("/v1/documents", params={"collection": "listed", "where": "lang=de", "limit": 1})
    )
    assert [one["name"] for one in first["items"]] == ["n3.txt"]
    assert names(where="lang=de", limit=1, cursor=first["next"]) == ["n1.txt"]
    problem(client.get("/v1/documents", params={"where": "nonsense"}), 422)
    assert given(client.get("/v1/documents", params={"collection": "nowhere"}))["items"] == []


def test_the_same_key_uploads_once_though_a_form_is_written_anew(client, pumps):
    def send(text, key="upload-1", name="once.txt"):
        return client.post(
            "/v1/documents",
            files={"file": (name, text)},
            data={"collection": pumps},
            headers={"Idempotency-Key": key},
        )

    first, again = send(b"Once."), send(b"Once.")
    assert given(first, 202) == given(again, 202)
    assert again.headers["idempotency-replayed"] == "true"
    assert "given to another request" in problem(send(b"Twice."), 422)["detail"]
    told = problem(send(b"Once.", key="upload-2"), 409)
    assert told["hint"].startswith("Replace it: PUT /v1/documents/doc_")


@pytest.mark.parametrize(
    "name",
    ["../up.txt", "a/b.txt", "a\\b.txt", ".hidden.txt", "..", "x\n.txt", "a\x00.txt", "é" * 120],
)
def test_a_name_that_could_lead_elsewhere_is_refused(client, pumps, name):
    body = {"collection": pumps, "name": name if "." in name else f"{name}.txt", "text": "x"}
    problem(client.post("/v1/documents", json=body), 422)


@pytest.mark.parametrize("name", ["run.exe", "noending", "archive.7z"])
def test_a_kind_that_is_not_read_is_told_with_those_that_are(client, pumps, name):
    told = problem(
        client.post("/v1/documents", json={"collection": pumps, "name": name, "text": "x"}), 415
    )
    assert ".pdf" in told["hint"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"collection": "nowhere", "name": "a.txt", "text": "x"}, 404, "no collection named"),
        ({"name": "a.txt", "text": "x"}, 422, "`collection` is missing"),
        ({"collection": "pumps", "text": "x"}, 422, "`name` is missing"),
        ({"collection": "pumps", "name": "a.txt"}, 422, "body.text"),
        ({"collection": "pumps", "name": "a.txt", "text": ""}, 422, "'a.txt' is empty"),
        ({"collection": "pumps", "name": "a.txt", "text": "x", "mood": 1}, 422, "body.mood"),
        (
            {"collection": "pumps", "name": "a.txt", "text": "x", "metadata": {"a": {"b": 1}}},
            422,
            "body.metadata",
        ),
        ([], 422, "body"),
    ],
)
def test_an_upload_that_makes_no_sense_says_so(client, pumps, body, status, said):
    assert said in problem(client.post("/v1/documents", json=body), status)["detail"]


@pytest.mark.parametrize("raw", [b'{"text": "\xff"}', b"{", b"", b"[" * 100_000])
def test_a_body_that_is_no_json_or_no_text_is_refused(client, raw):
    headers = {"content-type": "application/json"}
    problem(client.post("/v1/documents", content=raw, headers=headers), 422)


def test_a_form_must_be_one(client, pumps):
    headers = {"content-type": "multipart/form-data; boundary=x"}
    problem(client.post("/v1/documents", content=b"no form", headers=headers), 400)
    told = problem(client.post("/v1/documents", data={"collection": pumps}), 415)
    assert "application/x-www-form-urlencoded" in told["detail"]
    some = {"file": (None, "no file"), "collection": (None, pumps)}
    assert "no file" in problem(client.post("/v1/documents", files=some), 422)["detail"]
    more = {"file": ("a.txt", b"x"), "mood": (None, "good")}
    assert "'mood'" in problem(client.post("/v1/documents", files=more), 422)["detail"]
    wrong = {"file": ("a.txt", b"x"), "metadata": (None, "{"), "collection": (None, pumps)}
    assert "metadata" in problem(client.post("/v1/documents", files=wrong), 422)["detail"]
    problem(client.post("/v1/documents", content=b"x", headers={"content-type": "text/plain"}), 415)


@pytest.mark.parametrize("id_", ["doc_0", "x", "%00", "..%2f..", "a" * 500])
def test_unknown_ids_are_not_found(client, id_):
    problem(client.get(f"/v1/documents/{id_}"), 404)
    problem(client.delete(f"/v1/documents/{id_}"), 404)
    problem(client.put(f"/v1/documents/{id_}", json={"text": "x"}), 404)
    problem(client.get(f"/v1/jobs/{id_}"), 404)


def test_a_version_keeps_its_kind_and_its_collection(client, pumps):
    document = upload(client, "kind.md", "# A\n\nB.", pumps)
    place = f"/v1/documents/{document['id']}"
    problem(client.put(place, files={"file": ("kind.txt", b"x")}), 415)
    told = problem(client.put(place, json={"text": "x", "collection": "towns"}), 422)
    assert "stands in 'pumps'" in told["detail"]


def test_an_answer_from_the_collections_that_were_there_is_as_before(client):
    assert "valve#0" in found(client, VALVE, indexes=["handbook"])
