"""Every rung of the ladder: told with the answer, and counted."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from fastapi.testclient import TestClient
from kept_service import keeping
from little_house import parts
from little_pool import FRANCE, TWO, House
from said import VALVE, given, problem
from sqlalchemy import text
from watched import expert_of

from rag_router.api.app import create_app
from rag_router.assembly import assemble
from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.errors import RemoteError
from rag_router.models.prompts import ABSTENTION
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.settings import Settings


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("degraded")
    return assemble(Settings(home=folder / "home"), parts(folder))


@contextmanager
def serving(service):
    with TestClient(create_app(lambda: service)) as client:
        for _ in range(10_000):
            if client.get("/health/ready").status_code == 200:
                break
        yield client


def degraded(client, stage, question=VALVE, **more):
    """What an answer says of a stage, once, after checking that it is counted so often."""
    body = {"question": question, **more}
    (answer,) = given(client.post("/v1/answer", json=body))["answers"]
    said = [note["what"] for note in answer["degraded"] if note["stage"] == stage]
    line = f'rag_router_degraded_total{{stage="{stage}"}} {float(len(said))}'
    assert line in client.get("/metrics").text.splitlines()
    return answer, said


def test_a_gate_that_is_not_fitted_is_said_and_counted(house):
    with serving(house) as client:
        _, said = degraded(client, "gate")
    assert len(said) == 1
    assert said[0].endswith("is not fitted for scripted: p_know is not calibrated")


@dataclass(frozen=True)
class BrokenFilter:
    """Raises whatever it is given."""

    fitted: bool = True

    def judge(self, questions, hits, context):
        raise RuntimeError("no filter today")


def test_a_filter_that_fails_is_left_out(house):
    with serving(replace(house, filters=(BrokenFilter(),))) as client:
        answer, said = degraded(client, "filter")
        assert 'rag_router_filter_failures_total{filter="BrokenFilter"} 1.0' in (
            client.get("/metrics").text
        )
    assert answer["answer"] == "90 days"
    assert any("BrokenFilter" in what for what in said)


class SmallModel(ScriptedModel):
    """Has no memory for more than one row at a step."""

    def step(self, cache, tokens):
        if len(tokens) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return super().step(cache, tokens)


def test_streams_that_do_not_fit_into_memory_give_way_to_one(house):
    def script(prompt):
        if "calibrated every 90 days" in prompt:
            return Reply("90 days", 0.95)
        return Reply("60 days" if ABSTENTION not in prompt else "40 days", 0.6)

    small = replace(house, expert=expert_of(SmallModel(script)), decoder=AdaptiveContrastDecoder())
    with serving(small) as client:
        answer, said = degraded(client, "decode", retrieval="always")
    assert answer["answer"] == "90 days"
    assert any(what.endswith("without AdaptiveContrastDecoder") for what in said)


class Away:
    """An expert that is not to be had for now."""

    def answer(self, questions, ask=None):
        raise RemoteError("nobody is there.")


class Lonely(House):
    """Experts of which some are away."""

    def __init__(self, folder, *away):
        super().__init__(folder)
        self.away = away

    def alone(self, name):
        return Away() if name in self.away else super().alone(name)


def test_an_expert_that_cannot_answer_gives_way_to_the_next(tmp_path):
    with serving(Lonely(tmp_path, "towns").service(TWO)) as client:
        answer, said = degraded(client, "route", FRANCE, retrieval="never")
    assert answer["route"]["expert"]["name"] == "rivers"
    assert said == ["towns could not answer: nobody is there."]


def test_where_no_expert_can_answer_the_client_is_told_when_to_come_again(tmp_path):
    with serving(Lonely(tmp_path, "towns", "rivers").service(TWO)) as client:
        refused = client.post("/v1/answer", json={"question": FRANCE})
    told = problem(refused, 503)
    assert "no expert can answer. towns: nobody is there.; rivers:" in told["detail"]
    assert (told["retryable"], refused.headers["retry-after"]) == (True, "2")


def test_an_answer_that_cannot_be_kept_is_given(tmp_path):
    with keeping(tmp_path) as client:
        with client.app.state.service.resources.database.writing() as session:
            session.execute(text("DROP TABLE traces"))
        answer, said = degraded(client, "trace")
    assert answer["answer"] == "90 days"
    assert said == ["the answer could not be kept"]


def test_a_deadline_that_passes_is_said(house):
    ticks = iter(range(0, 10_000, 5))
    slow = replace(house, answer_seconds=12.0, clock=lambda: float(next(ticks)))
    with serving(slow) as client:
        (answer,) = given(client.post("/v1/answer", json={"question": VALVE}))["answers"]
        assert any("the deadline of 12 s passed" in note["what"] for note in answer["degraded"])
        assert "rag_router_degraded_total" in client.get("/metrics").text
