from __future__ import annotations

import asyncio
import json
import threading

import httpx
import pytest
from fastapi.testclient import TestClient
from little_house import assert_documented, parts
from live_service import serving

from rag_router.api.app import create_app
from rag_router.api.listening import Listening
from rag_router.assembly import assemble
from rag_router.errors import BusyError, CancelledError
from rag_router.orchestrator.events import Spoke
from rag_router.settings import Settings

VALVE = "How often is the Larkspur valve calibrated?"
FRANCE = "What is the capital of France?"
STAGES = ["accept", "begin", "gate", "route", "retrieve", "filter", "policy", "decode", "done"]


@pytest.fixture(scope="module")
def orchestrator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    return assemble(Settings(home=folder / "home"), parts(folder))


@pytest.fixture(scope="module")
def client(orchestrator):
    with TestClient(create_app(lambda: orchestrator)) as client:
        while client.get("/health/ready").json() == {"status": "starting"}:
            pass
        yield client


def events_of(response):
    """The events of a stream, as (name, data)."""
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    blocks = [block.split("\n") for block in response.text.split("\n\n") if block]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in blocks
    ]


def test_every_stage_is_an_event_and_the_last_one_is_the_whole_answer(client):
    events = events_of(client.post("/v1/answer", json={"question": VALVE, "stream": True}))
    assert list(dict.fromkeys(name for name, _ in events)) == [*STAGES, "answers"]
    (answer,) = events[-1][1]["answers"]
    assert_documented(answer)
    assert "".join(data["text"] for name, data in events if name == "decode") == answer["answer"]


def test_streamed_and_whole_answers_are_the_same(client):
    wanted = {"questions": [VALVE, FRANCE], "retrieval": "always", "tokens": True}
    streamed = events_of(client.post("/v1/answer", json={**wanted, "stream": True}))[-1][1]
    whole = client.post("/v1/answer", json=wanted).json()
    for answer in (*streamed["answers"], *whole["answers"]):
        del answer["timings_ms"]
        answer.pop("trace_id", None)
    assert streamed == whole


def test_events_of_several_questions_are_told_apart_by_their_row(client):
    events = events_of(
        client.post("/v1/answer", json={"questions": [VALVE, FRANCE], "stream": True})
    )
    said = {0: "", 1: ""}
    for name, data in events:
        if name == "decode":
            said[data["row"]] += data["text"]
    assert said == {0: "90 days", 1: "Paris"}


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({"indexes": ["hanbook"]}, 404), ({"question": " "}, 422), ({"reliance": 0.5}, 422)],
)
def test_what_makes_no_sense_is_refused_before_the_stream_begins(client, wrong, status):
    response = client.post("/v1/answer", json={"question": VALVE, "stream": True, **wrong})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


class Failing:
    """An orchestrator that fails once it has begun to answer."""

    def __init__(self, orchestrator):
        self._orchestrator = orchestrator

    def __getattr__(self, name):
        return getattr(self._orchestrator, name)

    def answer(self, questions, ask):
        ask.heard(Spoke(row=0, text="90"))
        raise BusyError("the model was taken away.", hint="Ask again.")


def test_what_goes_wrong_in_a_stream_is_its_last_event(orchestrator):
    with TestClient(create_app(lambda: Failing(orchestrator))) as client:
        while client.get("/health/ready").json() == {"status": "starting"}:
            pass
        events = events_of(client.post("/v1/answer", json={"question": VALVE, "stream": True}))
    assert [name for name, _ in events] == ["accept", "decode", "problem"]
    assert events[-1][1]["detail"] == "the model was taken away."
    assert (events[-1][1]["status"], events[-1][1]["retryable"]) == (503, True)


class Endless:
    """An orchestrator that speaks until it is told to stop."""

    def __init__(self, orchestrator):
        self._orchestrator, self.cancelled = orchestrator, threading.Event()

    def __getattr__(self, name):
        return getattr(self._orchestrator, name)

    def answer(self, questions, ask):
        pause = threading.Event()
        while not ask.cancelled():
            if ask.heard is not None:
                ask.heard(Spoke(row=0, text="and ", certain=True))
            pause.wait(0.01)
        self.cancelled.set()
        raise CancelledError("it was cancelled.")


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_cancels_the_work(orchestrator, stream):
    endless = Endless(orchestrator)
    body = {"question": VALVE, "stream": stream}
    with serving(lambda: endless) as base, httpx.Client(base_url=base, trust_env=False) as client:
        if stream:
            with client.stream("POST", "/v1/answer", json=body) as response:
                next(response.iter_lines())
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.post("/v1/answer", json=body, timeout=0.3)
        assert endless.cancelled.wait(10)


class Staying:
    """A client that stays."""

    async def is_disconnected(self):
        return False


def test_silence_is_broken_by_signs_of_life():
    async def listen():
        go_on = threading.Event()

        def work(tell, _):
            go_on.wait()
            tell("done")
            return 42

        listening = Listening(Staying(), work, keep_alive_s=0.25)
        seen = []
        async for item in listening.events():
            seen.append(item)
            go_on.set()
        return seen, await listening.result()

    seen, result = asyncio.run(listen())
    assert (seen, result) == ([None, "done"], 42)


def test_what_fails_at_once_is_raised_before_anything_is_told():
    async def listen():
        def work(tell, _):
            raise BusyError("not now.")

        await Listening(Staying(), work).begun(within_s=10)

    with pytest.raises(BusyError, match="not now"):
        asyncio.run(listen())
