"""Several experts behind the interface: each is a model of its own, and so are all together."""

from __future__ import annotations

import httpx
import pytest
from frontends import completion_title, pieces_of
from little_pool import FRANCE, RIVER, TWO, House
from live_service import serving


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("experts"))
    service = house.service(
        {**TWO, "secret": {}}, tenants={"secret": ["somebody"]}, indices=house.common.indexes
    )
    with (
        serving(lambda: service) as base,
        httpx.Client(base_url=base, trust_env=False) as client,
    ):
        yield client


def send(client, text, **more):
    body = {"model": "rag-router", "messages": [{"role": "user", "content": text}], **more}
    return client.post("/v1/chat/completions", json=body)


def said(pieces):
    return "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces)


def test_experts_are_listed_as_models_but_not_those_of_others(client):
    names = [one["id"] for one in client.get("/v1/models").json()["data"]]
    assert names[-2:] == ["towns", "rivers"]
    assert send(client, FRANCE, model="secret").status_code == 404


@pytest.mark.parametrize(
    ("model", "question", "answer"),
    [
        ("rag-router", FRANCE, "Paris"),
        ("rag-router", RIVER, "Danube"),
        ("rivers:never", FRANCE, "Lyon"),
    ],
)
def test_whoever_is_chosen_or_named_answers_streamed_and_whole(client, model, question, answer):
    whole = send(client, question, model=model).json()
    assert whole["choices"][0]["message"]["content"] == answer
    assert said(pieces_of(send(client, question, model=model, stream=True))) == answer


def test_an_unknown_index_is_not_found_by_whoever_is_chosen(client):
    assert send(client, FRANCE, indexes=["nowhere"]).status_code == 404
    # A stream has begun by then: who answers is chosen first, and experts know the indexes.
    last = send(client, FRANCE, indexes=["nowhere"], stream=True).text.strip().split("\n")[-1]
    assert '"code":"index_not_found"' in last


def test_errands_are_run_by_an_expert_that_is_open_to_everybody(client):
    reply = send(client, completion_title([("User", FRANCE)]), model="rag-router-title").json()
    assert reply["choices"][0]["message"]["content"]


def test_the_stream_of_stages_begins_before_anybody_is_chosen(client):
    response = client.post("/v1/answer", json={"question": RIVER, "stream": True})
    names = [line.removeprefix("event: ") for line in response.text.split("\n")
             if line.startswith("event: ")]  # fmt: skip
    assert names[0] == "accept"
    assert names.count("accept") == 1
    assert names[-1] == "answers"
