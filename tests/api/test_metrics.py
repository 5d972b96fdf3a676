from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from little_house import parts
from said import VALVE, given

from rag_router import telemetry
from rag_router.api.app import create_app
from rag_router.api.metrics import Metrics
from rag_router.assembly import assemble
from rag_router.settings import Settings

FRANCE = "What is the capital of France?"


@pytest.fixture
def client(tmp_path):
    house = assemble(Settings(home=tmp_path / "home"), parts(tmp_path))
    with TestClient(create_app(lambda: house)) as client:
        while client.get("/health/ready").status_code != 200:
            pass
        yield client


def figures(client):
    """Every line of figures, by its name with its labels."""
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_what_was_answered_is_counted(client):
    given(client.post("/v1/answer", json={"questions": [VALVE, FRANCE]}))
    told = figures(client)
    assert told['rag_router_answers_total{reason="contextual"}'] == 1
    assert told['rag_router_answers_total{reason="parametric"}'] == 1
    assert told['rag_router_looked_up_total{retrieved="yes"}'] == 1
    assert told['rag_router_looked_up_total{retrieved="no"}'] == 1
    # Two questions of one request make one batch of two.
    assert told['rag_router_batch_questions_bucket{le="1.0"}'] == 0
    assert told['rag_router_batch_questions_bucket{le="2.0"}'] == 1
    assert told["rag_router_queue_wait_seconds_count"] == 2
    assert told["rag_router_queue_length"] == 0
    for stage in ("route", "gate", "retrieve", "filter", "decode", "verify"):
        assert told[f'rag_router_stage_seconds_count{{stage="{stage}"}}'] == 1
    assert told['rag_router_requests_total{route="/v1/answer",status="200"}'] == 1


def test_nothing_that_anybody_sends_becomes_a_label(client):
    client.get("/v1/secret-path")
    client.get("/v1/experts/secret-name")
    client.post("/v1/answer", json={"question": "secret question", "indexes": ["secret"]})
    client.post(
        "/v1/chat/completions",
        json={"model": "secret-model", "messages": [{"role": "user", "content": "secret"}]},
    )
    text = client.get("/metrics").text
    assert "secret" not in text
    labels = set(re.findall(r'(\w+)="', text))
    assert labels <= {"reason", "retrieved", "stage", "route", "status", "le", "errand", "why"}


def test_what_fell_back_is_counted_by_its_stage(client):
    body = {"question": FRANCE, "retrieval": "always", "indexes": []}
    (answer,) = given(client.post("/v1/answer", json=body))["answers"]
    stages = [note["stage"] for note in answer["degraded"]]
    assert "retrieve" in stages
    assert figures(client)['rag_router_degraded_total{stage="retrieve"}'] == 1


def test_what_nobody_has_a_metric_for_is_passed_over():
    metrics = Metrics(lambda: 3)
    metrics.count("unheard", 1.0, of="it")
    metrics.time("unheard", 1.0)
    metrics.measure("unheard", 1.0)
    metrics.time(telemetry.STAGE, 250.0, stage="gate")
    text = metrics.text().decode()
    assert "unheard" not in text
    # 250 ms are a quarter of a second.
    assert 'rag_router_stage_seconds_sum{stage="gate"} 0.25' in text
    assert "rag_router_queue_length 3.0" in text
