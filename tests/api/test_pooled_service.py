"""A pool of experts over HTTP: asked by name, listed with what is loaded."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from little_pool import FRANCE, RIVER, TWO, House

from rag_router.api.app import create_app


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    service = House(tmp_path_factory.mktemp("service")).service(
        TWO, tenants={"rivers": ["default", "harbour"]}
    )
    with TestClient(create_app(lambda: service)) as client:
        for _ in range(10_000):
            if client.get("/health/ready").json()["status"] == "ok":
                break
        yield client


def test_experts_are_listed_and_loaded_when_they_are_asked(client):
    states = {one["name"]: one["state"] for one in client.get("/v1/experts").json()["items"]}
    assert states == {"towns": "not loaded", "rivers": "not loaded"}
    (answer,) = client.post("/v1/answer", json={"question": RIVER}).json()["answers"]
    assert (answer["answer"], answer["route"]["expert"]["name"]) == ("Danube", "rivers")
    assert client.get("/v1/experts/rivers").json()["state"] == "loaded"
    assert client.get("/v1/experts/towns").json()["state"] == "not loaded"


def test_a_request_names_who_answers_and_a_wrong_name_is_not_found(client):
    asked = {"question": FRANCE, "expert": "rivers", "retrieval": "never"}
    (answer,) = client.post("/v1/answer", json=asked).json()["answers"]
    assert answer["route"]["expert"] == {"name": "rivers", "score": 1.0}
    response = client.post("/v1/answer", json={**asked, "expert": "river"})
    assert response.status_code == 404
    assert "Did you mean 'rivers'" in response.json()["hint"]


def test_chat_frontends_choose_an_expert_as_a_model(client):
    names = [one["id"] for one in client.get("/v1/models").json()["data"]]
    assert {"towns", "rivers"} <= set(names)
    body = {"model": "rivers", "messages": [{"role": "user", "content": RIVER}]}
    reply = client.post("/v1/chat/completions", json=body).json()
    assert reply["choices"][0]["message"]["content"].startswith("Danube")


def test_gates_are_listed_though_no_single_expert_answers(client):
    assert client.get("/v1/gates/confidence").json()["name"] == "confidence"
