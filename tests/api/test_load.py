"""Many at once, more than can be served, and a service that ends or is renewed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from fastapi.testclient import TestClient
from little_house import asked, parts, scripted_expert
from live_service import serving
from said import VALVE, given, problem

from rag_router.api.app import create_app
from rag_router.api.running import reload
from rag_router.assembly import assemble
from rag_router.errors import ModelError
from rag_router.models.scripted import Reply
from rag_router.settings import LimitSettings, Settings

FRANCE = "What is the capital of France?"
HOLD = "Who holds the door?"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("load")
    return assemble(Settings(home=folder / "home"), parts(folder))


class Door:
    """A model that waits at one question until it is let go on."""

    def __init__(self, answer="Paris"):
        self.answer = answer
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, prompt):
        if asked(prompt) == HOLD:
            self.reached.set()
            assert self.opened.wait(30)
        return Reply(self.answer, 0.99)

    def over(self, house):
        return replace(house, expert=scripted_expert(self), _turn=threading.Lock())


@pytest.fixture
def door():
    door = Door()
    yield door
    door.opened.set()


@pytest.fixture
def many():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def ready(client):
    for _ in range(10_000):
        if client.get("/health/ready").status_code == 200:
            return client
    raise AssertionError("it never got ready")


def said(response):
    return given(response)["answers"][0]["answer"]


def test_eight_clients_at_once_hear_what_each_would_hear_alone(house, many):
    questions = [VALVE, FRANCE, "Who wrote Hamlet?", "Where is Oslo?"] * 2
    bodies = [
        {"question": question, "retrieval": ("auto", "always")[n % 2], "stream": n > 5}
        for n, question in enumerate(questions)
    ]

    def hear(body):
        answer = httpx.post(f"{base}/v1/answer", json=body, trust_env=False)
        assert answer.status_code == 200
        # Timings differ, and the lines they stand in with them.
        lines = [line for line in answer.text.split("\n") if "timings_ms" not in line]
        told = lines if body["stream"] else answer.json()["answers"]
        for one in () if body["stream"] else told:
            del one["timings_ms"]
        return told

    with serving(lambda: house) as base:
        together = list(many.map(hear, bodies))
        alone = [hear(body) for body in bodies]
    assert together == alone


def test_more_than_can_wait_are_told_when_to_come_again(house, door, many):
    app = create_app(lambda: door.over(house), LimitSettings(waiting=1))
    with TestClient(app) as client:
        ready(client)
        first = many.submit(client.post, "/v1/answer", json={"question": HOLD})
        assert door.reached.wait(30)
        second = many.submit(client.post, "/v1/answer", json={"question": FRANCE})
        while not app.state.service.waiting:
            pass
        for body in ({"question": FRANCE}, {"question": FRANCE, "stream": True}):
            refused = client.post("/v1/answer", json=body)
            told = problem(refused, 503)
            assert told["type"] == "urn:rag-router:problem:overloaded"
            assert int(refused.headers["retry-after"]) >= 1
        chat = {"model": "rag-router", "messages": [{"role": "user", "content": FRANCE}]}
        refused = client.post("/v1/chat/completions", json=chat)
        assert (refused.status_code, refused.json()["error"]["type"]) == (503, "server_error")
        assert int(refused.headers["retry-after"]) >= 1
        # Whoever only looks is let in all the same.
        assert client.get("/v1/models").status_code == 200
        door.opened.set()
        assert [said(first.result()), said(second.result())] == ["Paris", "Paris"]


def test_a_service_that_ends_is_not_ready_and_finishes_what_was_begun(house, door, many):
    app = create_app(lambda: door.over(house))
    with TestClient(app) as client:
        ready(client)
        first = many.submit(client.post, "/v1/answer", json={"question": HOLD})
        assert door.reached.wait(30)
        app.state.service.drain()
        unready = client.get("/health/ready")
        assert (unready.status_code, unready.json()["status"]) == (503, "draining")
        assert client.get("/health/live").status_code == 200
        refused = client.post("/v1/answer", json={"question": FRANCE})
        assert "the service ends" in problem(refused, 503)["detail"]
        assert refused.headers["retry-after"] == "5"
        door.opened.set()
        assert said(first.result()) == "Paris"


def test_new_settings_answer_what_comes_and_old_ones_what_was_begun(house, door, many):
    app = create_app(lambda: door.over(house))
    renewed = Settings(limits={"questions_per_request": 1})
    with TestClient(app) as client:
        ready(client)
        first = many.submit(client.post, "/v1/answer", json={"question": HOLD})
        assert door.reached.wait(30)
        assert reload(app, lambda: (Door("Lyon").over(house), renewed))
        assert said(client.post("/v1/answer", json={"question": FRANCE})) == "Lyon"
        problem(client.post("/v1/answer", json={"questions": [FRANCE, FRANCE]}), 422)
        door.opened.set()
        assert said(first.result()) == "Paris"


def test_settings_that_cannot_be_had_leave_everything_as_it_is(house, caplog):
    def renew():
        raise ModelError("the model nobody is not there.")

    app = create_app(lambda: Door().over(house))
    with TestClient(app) as client:
        ready(client)
        assert not reload(app, renew)
        assert "settings were not reloaded: the model nobody is not there." in caplog.text
        assert said(client.post("/v1/answer", json={"question": FRANCE})) == "Paris"
