"""How large requests, their JSON and their files may be, and how many uploads may wait."""

from __future__ import annotations

import json

import pytest
from filelock import FileLock
from hypothesis import given as drawn
from hypothesis import strategies as st
from kept_service import keeping
from said import VALVE, given, problem

from rag_router.api.body_limit import values_of

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a,"[{\\ é', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)


def counted(value):
    """Values of a document: itself, and all that stand in it."""
    if isinstance(value, dict):
        return 1 + sum(map(counted, value.values()))
    return 1 + sum(map(counted, value)) if isinstance(value, list) else 1


def containers(value):
    if isinstance(value, dict):
        return 1 + sum(map(containers, value.values()))
    return 1 + sum(map(containers, value)) if isinstance(value, list) else 0


@drawn(_JSON, st.booleans())
def test_values_are_counted_outside_of_strings(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    # A list of nothing counts as one of one thing, and that is the only mistake.
    assert counted(value) <= values_of(text) <= counted(value) + containers(value)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sizes")
    own = {"default": {"limits": {"request_mb": 1, "file_mb": 1, "ingestion_jobs": 2}}}
    limits = {"request_values": 100}
    with keeping(folder, limits=limits, tenants=own) as client:
        client.folder = folder
        yield client


def test_a_body_has_as_many_values_as_are_taken_and_not_one_more(client):
    # The object, its question, and a list with so many numbers.
    for more, status in ((97, 422), (98, 413)):
        told = client.post("/v1/answer", json={"question": VALVE, "indexes": [1] * more})
        assert told.status_code == status, told.text
    assert told.json()["detail"].endswith("101 values; at most 100 are taken.")


def test_commas_of_a_question_are_no_values(client):
    given(client.post("/v1/answer", json={"question": f"{VALVE} {',[' * 400}"}))


def test_brackets_without_end_are_refused_before_they_are_lists(client):
    told = client.post(
        "/v1/answer", content=b"[" * 2**19, headers={"Content-Type": "application/json"}
    )
    assert problem(told, 413)["detail"].startswith("the JSON of the request has 524,289 values")


def test_a_text_in_json_is_no_larger_than_any_request(client):
    given(client.post("/v1/collections", json={"name": "texts"}), 201)
    body = {"collection": "texts", "name": "a.txt", "text": ""}
    room = 2**20 - len(json.dumps(body, separators=(",", ":")))
    for more, status in ((0, 202), (1, 413)):
        text = json.dumps(
            body | {"text": "x " * (room // 2) + "x" * (room % 2 + more)}, separators=(",", ":")
        )
        assert len(text) == 2**20 + more
        told = client.post(
            "/v1/documents", content=text, headers={"Content-Type": "application/json"}
        )
        assert told.status_code == status, told.text


def test_a_file_is_as_large_as_its_tenant_may_send(client):
    given(client.post("/v1/collections", json={"name": "files"}), 201)
    for size, status in ((2**20, 202), (2**20 + 1, 413)):
        files = {"file": (f"a{size}.txt", b"x " * (size // 2) + b"x" * (size % 2))}
        told = client.post("/v1/documents", data={"collection": "files"}, files=files)
        assert told.status_code == status, told.text
    assert told.json()["detail"] == "'a1048577.txt' is larger than 1 MiB."


def test_no_more_uploads_wait_than_a_tenant_may_have(tmp_path):
    uploads = tmp_path / "home" / "uploads"
    uploads.mkdir(parents=True)
    other = FileLock(uploads / ".worker.lock")
    with other, keeping(tmp_path, limits={"ingestion_jobs": 2}) as client:
        given(client.post("/v1/collections", json={"name": "many"}), 201)
        bodies = [
            {"collection": "many", "name": f"{n}.txt", "text": f"This is {n}."} for n in range(3)
        ]
        for body in bodies[:2]:
            given(client.post("/v1/documents", json=body), 202)
        refused = client.post("/v1/documents", json=bodies[2])
        told = problem(refused, 429)
        assert told["detail"] == "2 uploads and removals are unfinished; at most 2 may be."
        assert refused.headers["retry-after"] == "5"
        # It left nothing: it can be sent again once there is room.
        names = [one["name"] for one in given(client.get("/v1/documents"))["items"]]
        assert names == ["1.txt", "0.txt"]
        assert len([one for one in uploads.iterdir() if one.is_dir()]) == 2
