"""What goes wrong once a stream has begun is told in it, and no connection is cut."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient
from little_house import parts
from little_pool import FRANCE, TWO, House
from watched import expert_of
from live_service import wait_until_ready

from rag_router.api.app import create_app
from rag_router.assembly import assemble
from rag_router.errors import ModelError, RemoteError
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.settings import Settings


class Away:
    """An expert that is not to be had for now."""

    def answer(self, questions, ask=None):
        raise RemoteError("nobody is there.")


class Empty(House):
    """Experts of which all are away."""

    def alone(self, name):
        return Away()


class Breaking(ScriptedModel):
    """Says two letters, and breaks."""

    def __init__(self, error):
        super().__init__({"France": Reply("Paris", 0.99)}, otherwise=Reply("no", 0.1))
        self.error, self.steps = error, 0

    def step(self, cache, tokens):
        self.steps += 1
        if self.steps > 2:
            raise self.error
        return super().step(cache, tokens)


def pool(folder, error):
    del error
    return Empty(folder).service(TWO)


def alone(folder, error):
    made = parts(folder, expert=expert_of(Breaking(error)))
    return assemble(Settings(home=folder / "home"), made)


CASES = [
    (pool, None, 503, "no expert can answer. towns: nobody is there.; rivers: nobody is there."),
    (alone, ModelError("the device is gone."), 503, "the device is gone."),
    (alone, ZeroDivisionError("a secret"), 500, "something went wrong inside the service."),
]


@pytest.fixture(params=CASES, ids=["pool", "expected", "bug"])
def broken(request, tmp_path):
    """A client of a service that breaks, the status that this would be, and what is said."""
    make, error, status, said = request.param
    service = make(tmp_path, error)
    with TestClient(create_app(lambda: service)) as client:
        wait_until_ready(client)
        yield client, status, said


def blocks(response):
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.endswith("\n\n")
    return response.text.removesuffix("\n\n").split("\n\n")


def test_our_stream_ends_with_a_problem(broken):
    client, status, said = broken
    asked = {"question": FRANCE, "retrieval": "never", "stream": True}
    response = client.post("/v1/answer", json=asked)
    *before, last = blocks(response)
    assert before[0] == 'event: accept\ndata: {"row":0,"stage":"accept"}'
    event, data = last.split("\n")
    assert event == "event: problem"
    told = json.loads(data.removeprefix("data: "))
    assert (told["status"], told["detail"]) == (status, said)
    assert told["instance"].endswith(response.headers["x-request-id"])
    assert "secret" not in response.text


@pytest.mark.parametrize("profile", ["strict", "openwebui", "librechat"])
def test_openai_s_stream_ends_with_an_error_and_done(broken, profile):
    client, status, said = broken
    body = {
        "model": "rag-router:never",
        "messages": [{"role": "user", "content": FRANCE}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "profile": profile,
    }
    response = client.post("/v1/chat/completions", json=body)
    pieces = blocks(response)
    assert pieces[-1] == "data: [DONE]"
    first, *_, last = [json.loads(one.removeprefix("data: ")) for one in pieces[:-1]]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert set(last) == {"error"}
    assert last["error"]["type"] == "server_error"
    assert last["error"]["message"].startswith(said.partition(".")[0])
    assert last["error"]["code"] == ("internal_error" if status == 500 else "unavailable")
    if profile == "openwebui":
        status_event = json.loads(pieces[-3].removeprefix("data: "))["event"]
        assert status_event["data"] == {"description": "Something went wrong", "done": True}
    assert "secret" not in response.text


def test_an_errand_that_breaks_ends_likewise(tmp_path):
    service = alone(tmp_path, ZeroDivisionError("a secret"))
    body = {
        "model": "rag-router:title",
        "messages": [{"role": "user", "content": "Tell me about France."}],
        "stream": True,
    }
    with TestClient(create_app(lambda: service)) as client:
        wait_until_ready(client)
        response = client.post("/v1/chat/completions", json=body)
    *_, last, done = blocks(response)
    assert done == "data: [DONE]"
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "internal_error"
