"""GET /v1/gates/{name}/records: evaluations, feedback, and what was held out."""

from __future__ import annotations

import pytest
from kept_service import keeping
from said import VALVE, given, problem

from rag_router.api.gate_records import Bin, bins_of
from rag_router.eval.kept_evaluations import Evaluated, keep_evaluation


def test_questions_are_put_into_bins_by_what_the_gate_thought():
    # In order: 0.1, 0.1, 0.3 | 0.8; the two that were thought of alike stay together.
    found = bins_of([0.3, 0.1, 0.8, 0.1], [1, 0, 1, 1], [1, 1, 0, 1], most=2)
    assert found == [
        Bin(p_know=0.1, memory=0.5, passages=1.0, n=2),
        Bin(p_know=0.55, memory=1.0, passages=0.5, n=2),
    ]
    assert bins_of([0.5, 0.5, 0.5], [1, 0, 0], most=50) == [Bin(p_know=0.5, memory=0.3333, n=3)]
    assert [one.n for one in bins_of([0.1, 0.2, 0.3], [1, 1, 1], most=50)] == [1, 1, 1]


@pytest.fixture
def client(tmp_path):
    with keeping(tmp_path, gate={"name": "confidence"}) as client:
        client.home = tmp_path / "home"
        yield client


def kept(client, model="scripted", gate="confidence"):
    found = Evaluated(
        source="questions.jsonl",
        gate=gate,
        p_know=(0.9, 0.2),
        retrieved=(False, True),
        never=(True, False),
        always=(True, True),
    )
    keep_evaluation(client.home, model, found)


def records(client, name="confidence"):
    return given(client.get(f"/v1/gates/{name}/records"))["items"]


def test_of_a_gate_of_which_nothing_is_known_there_is_no_record(client):
    assert records(client) == []
    assert "Did you mean" in problem(client.get("/v1/gates/confidense/records"), 404)["hint"]


def test_the_last_evaluation_of_the_model_is_told(client):
    kept(client)
    (one,) = records(client)
    assert (one["kind"], one["expert"], one["n"]) == ("evaluation", "scripted", 2)
    assert one["source"].startswith("questions.jsonl, ")
    assert one["bins"] == [
        {"p_know": 0.2, "memory": 0.0, "passages": 1.0, "n": 1},
        {"p_know": 0.9, "memory": 1.0, "passages": 1.0, "n": 1},
    ]
    assert records(client, "entropy") == []


def test_an_evaluation_of_another_model_or_gate_says_nothing(client):
    kept(client, model="somebody")
    kept(client, gate="entropy")
    assert records(client) == []


def test_what_people_said_is_told_with_what_the_gate_thought(client):
    (answer,) = given(
        client.post("/v1/answer", json={"question": "What is the capital of France?"})
    )["answers"]
    client.post("/v1/feedback", json={"trace": answer["trace"], "verdict": "wrong"})
    (looked_up,) = given(client.post("/v1/answer", json={"question": VALVE}))["answers"]
    client.post("/v1/feedback", json={"trace": looked_up["trace"], "verdict": "right"})
    (one,) = records(client)
    assert (one["kind"], one["expert"]) == ("feedback", "")
    assert {"p_know": answer["knowledge"]["p_know"], "memory": 0.0, "passages": None, "n": 1} in (
        one["bins"]
    )
    params = {"hindsight": "too_sure"}
    (line,) = given(client.get("/v1/traces", params=params))["items"]
    assert line["id"] == answer["trace"]
    problem(client.get("/v1/traces", params={"hindsight": "lucky"}), 422)
