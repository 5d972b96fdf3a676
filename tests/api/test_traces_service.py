from __future__ import annotations

import json

import pytest
from kept_service import keeping
from said import VALVE, given, problem

FRANCE = "What is the capital of France?"


def ask(client, **asked):
    return given(client.post("/v1/answer", json={"question": VALVE, **asked}))["answers"][0]


def test_every_answer_is_kept_by_the_id_that_it_tells(client):
    answer = ask(client)
    kept = given(client.get(f"/v1/traces/{answer['trace']}"))
    assert kept["answer"] == {key: value for key, value in answer.items() if key != "trace"}
    assert (kept["kept"], kept["reason"], kept["abstained"]) == ("full", "contextual", False)
    assert kept["confidence"] == answer["confidence"]


def test_a_trace_tells_the_request_that_it_is_of(client):
    response = client.post(
        "/v1/answer", json={"questions": [VALVE, FRANCE]}, headers={"X-Request-Id": "of-mine"}
    )
    for answer in given(response)["answers"]:
        kept = given(client.get(f"/v1/traces/{answer['trace']}"))
        assert kept["request_id"] == "of-mine"


def test_traces_are_listed_newest_first_and_by_what_came_of_them(client):
    known, unknown = ask(client, question=FRANCE), ask(client, question="Who?", retrieval="never")
    lines = given(client.get("/v1/traces", params={"limit": 2}))["items"]
    assert [line["id"] for line in lines] == [unknown["trace"], known["trace"]]
    assert [line["question"] for line in lines] == ["Who?", FRANCE]
    silent = given(client.get("/v1/traces", params={"abstained": True}))["items"]
    assert {line["abstained"] for line in silent} == {True}
    memory = given(client.get("/v1/traces", params={"reason": "parametric"}))["items"]
    assert {line["reason"] for line in memory} == {"parametric"}
    problem(client.get("/v1/traces", params={"reason": "whim"}), 422)


def test_a_trace_that_was_removed_is_gone(client):
    place = f"/v1/traces/{ask(client)['trace']}"
    assert client.delete(place).status_code == 204
    problem(client.get(place), 404)
    problem(client.delete(place), 404)


def test_feedback_is_kept_and_outlives_its_trace(client):
    answer = ask(client)
    said = {"trace": answer["trace"], "verdict": "wrong", "correct_answer": " 60 days "}
    made = given(client.post("/v1/feedback", json=said), 201)
    assert (made["verdict"], made["correct_answer"], made["teaches"]) == ("wrong", "60 days", True)
    client.delete(f"/v1/traces/{answer['trace']}")
    (kept,) = given(client.get("/v1/feedback", params={"trace": answer["trace"]}))["items"]
    assert kept == made
    # Of what is gone nothing more can be said.
    told = problem(client.post("/v1/feedback", json=said), 404)
    assert "kept long enough" in told["hint"]


@pytest.mark.parametrize(
    "said",
    [
        {"trace": "trace_0", "verdict": "so so"},
        {"trace": "trace_0"},
        {"verdict": "right"},
        {"trace": 5, "verdict": "right"},
        {"trace": "trace_0", "verdict": "right", "comment": "a\x00b"},
        {"trace": "trace_0", "verdict": "right", "stars": 5},
    ],
)
def test_feedback_that_makes_no_sense_is_refused(client, said):
    problem(client.post("/v1/feedback", json=said), 422)


def test_feedback_with_a_key_is_kept_once(client):
    said = {"trace": ask(client)["trace"], "verdict": "right"}
    headers = {"Idempotency-Key": "thumb"}
    both = [given(client.post("/v1/feedback", json=said, headers=headers), 201) for _ in range(2)]
    assert both[0] == both[1]
    listed = client.get("/v1/feedback", params={"trace": said["trace"]})
    assert len(given(listed)["items"]) == 1


def test_without_passages_nothing_that_they_say_is_kept(tmp_path):
    with keeping(tmp_path, store={"traces": "no_passages"}) as client:
        answer = ask(client, tokens=True)
        kept = given(client.get(f"/v1/traces/{answer['trace']}"))
        assert kept["kept"] == "no_passages"
        assert (kept["answer"]["question"], kept["answer"]["answer"]) == (VALVE, "90 days")
        assert {p["id"] for p in kept["answer"]["passages"]} == (
            {p["id"] for p in answer["passages"]}
        )
        assert "Larkspur valve is" not in json.dumps(kept)
        # What is sent is sent whole.
        assert "text" in answer["passages"][0]


def test_without_text_nobodys_words_are_kept_and_nothing_can_be_learned(tmp_path):
    with keeping(tmp_path, store={"traces": "no_text"}) as client:
        answer = ask(client)
        kept = given(client.get(f"/v1/traces/{answer['trace']}"))
        assert not any(word in json.dumps(kept) for word in ("Larkspur", "90 days", "valve is"))
        assert kept["answer"]["knowledge"]["p_know"] == answer["knowledge"]["p_know"]
        assert given(client.get("/v1/traces"))["items"][0]["question"] is None
        said = {"trace": answer["trace"], "verdict": "right"}
        assert given(client.post("/v1/feedback", json=said), 201)["teaches"] is False


def test_where_nothing_is_kept_answers_have_no_trace(tmp_path):
    with keeping(tmp_path, store={"traces": "off"}) as client:
        assert "trace" not in ask(client)
        assert given(client.get("/v1/traces"))["items"] == []
