"""The interface over a bundled model, with real tokens."""

from __future__ import annotations

import json

import httpx
import pytest
from frontends import openwebui_errand, pieces_of
from live_service import serving
from real_house import VALVE, real_house

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    orchestrator = real_house(tmp_path_factory.mktemp("real"))
    with (
        serving(lambda: orchestrator) as base,
        httpx.Client(base_url=base, trust_env=False, timeout=60) as client,
    ):
        yield client


def send(client, text, **more):
    body = {"model": "rag-router", "messages": [{"role": "user", "content": text}], **more}
    return client.post("/v1/chat/completions", json=body)


def test_streamed_and_whole_answers_say_the_same(client):
    whole = send(client, VALVE, retrieval="always").json()
    pieces = pieces_of(send(client, VALVE, retrieval="always", stream=True))
    words = [piece["choices"][0]["delta"].get("content") or "" for piece in pieces]
    assert "".join(words) == whole["choices"][0]["message"]["content"]
    assert "90" in "".join(words)
    assert not any("\ufffd" in word for word in words)


def test_instructions_and_draws_go_through_the_whole_pipeline(client):
    told = [
        {"role": "system", "content": "You are a careful engineer."},
        {"role": "user", "content": VALVE},
    ]
    drawn = [
        send(client, "", messages=told, temperature=0.7, top_p=0.9, seed=5, max_tokens=12).json()
        for _ in range(2)
    ]
    texts = [one["choices"][0]["message"]["content"] for one in drawn]
    assert texts[0] == texts[1]
    assert texts[0]
    assert all(one["usage"]["completion_tokens"] <= 12 for one in drawn)


@pytest.mark.parametrize("kind", ["title", "tags", "follow_ups"])
def test_errands_get_the_form_that_they_ask_for(client, kind):
    text = openwebui_errand(kind, [("user", VALVE), ("assistant", "Every 90 days.")])
    reply = json.loads(send(client, text).json()["choices"][0]["message"]["content"])
    assert list(reply) == [kind]
    if kind != "follow_ups":
        assert reply[kind]
