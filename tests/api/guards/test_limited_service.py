"""What a service refuses of a tenant that has spent what it may, and what it says of it."""

from __future__ import annotations

import json

import pytest
from kept_service import keeping
from said import VALVE, given, problem

CHAT = {"model": "rag-router", "messages": [{"role": "user", "content": VALVE}]}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    limits = {"requests_per_minute": 1000, "tokens_per_day": 100_000, "output_tokens": 3}
    with keeping(tmp_path_factory.mktemp("limited"), limits=limits) as client:
        yield client


def fields(response):
    return response.headers["ratelimit-policy"], response.headers["ratelimit"]


def left(response, name):
    _, _, rest = response.headers["ratelimit"].partition(f'"{name}";r=')
    return int(rest.partition(";")[0])


def test_every_response_says_how_the_limits_stand(client):
    policies, standing = fields(client.get("/v1/collections"))
    assert policies == '"requests-minute";q=1000;w=60, "tokens-day";q=100000;w=86400;qu="tokens"'
    assert standing.startswith('"requests-minute";r=')
    assert ', "tokens-day";r=100000;t=' in standing


def test_health_and_figures_are_not_counted(client):
    for path in ("/health/live", "/metrics", "/openapi.json"):
        assert "ratelimit" not in client.get(path).headers


def test_tokens_are_counted_as_they_were_used(client):
    before = left(client.get("/v1/collections"), "tokens-day")
    response = client.post("/v1/answer", json={"question": VALVE})
    (answer,) = given(response)["answers"]
    usage = answer["usage"]
    spent = usage["prompt_tokens"] + usage["completion_tokens"]
    assert spent > 0
    assert left(response, "tokens-day") == before - spent
    completion = given(client.post("/v1/chat/completions", json=CHAT))["usage"]
    after = left(client.get("/v1/collections"), "tokens-day")
    assert after == before - spent - completion["total_tokens"]


def test_a_stream_is_counted_when_it_has_ended(client):
    before = left(client.get("/v1/collections"), "tokens-day")
    body = client.post("/v1/answer", json={"question": VALVE, "stream": True}).text
    assert "event: answers" in body
    answers = next(line for line in body.splitlines() if line.startswith('data: {"answers"'))
    usage = json.loads(answers.removeprefix("data: "))["answers"][0]["usage"]
    after = left(client.get("/v1/collections"), "tokens-day")
    assert before - after == usage["prompt_tokens"] + usage["completion_tokens"]


def test_what_makes_no_sense_costs_no_tokens(client):
    before = left(client.get("/v1/collections"), "tokens-day")
    problem(client.post("/v1/answer", json={"question": VALVE, "indexes": ["none"]}), 404)
    assert left(client.get("/v1/collections"), "tokens-day") == before


def test_a_tenant_may_have_shorter_answers_than_others(client):
    (answer,) = given(client.post("/v1/answer", json={"question": "Who wrote Hamlet?"}))["answers"]
    assert answer["usage"]["completion_tokens"] <= 3
    chat = CHAT | {"max_tokens": 50}
    assert given(client.post("/v1/chat/completions", json=chat))["usage"]["completion_tokens"] <= 3


def test_too_many_requests_are_told_when_to_come_again(tmp_path):
    with keeping(tmp_path, limits={"requests_per_day": 2}) as client:
        assert [client.get("/v1/collections").status_code for _ in range(3)] == [200, 200, 429]
        response = client.get("/v1/jobs")
        told = problem(response, 429)
        assert told["type"] == "urn:rag-router:problem:quota"
        assert told["detail"] == "2 of 2 requests of this day are spent, and this takes 1."
        assert told["retryable"]
        assert 0 < int(response.headers["retry-after"]) <= 86_400
        assert fields(response)[1].startswith('"requests-day";r=0;t=')
        error = client.post("/v1/chat/completions", json=CHAT)
        assert error.status_code == 429
        assert error.json()["error"]["code"] == "rate_limit_exceeded"
        assert error.headers["retry-after"] == response.headers["retry-after"]
        given(client.get("/health/live"))


def test_questions_that_no_minute_has_room_for_are_too_large(tmp_path):
    with keeping(tmp_path, limits={"tokens_per_minute": 4000}) as client:
        # 2 x (256 + 15) around a question, 700 of passages and 24 of an answer are 1,266.
        told = problem(client.post("/v1/answer", json={"questions": [VALVE] * 4}), 413)
        assert told["detail"] == "this may take 5,064 tokens, and a minute has 4,000."
        given(client.post("/v1/answer", json={"questions": [VALVE] * 3}))


def test_sizes_are_refused_at_one_more_than_the_limit(tmp_path):
    own = {"default": {"limits": {"question_characters": 40, "questions_per_request": 2}}}
    with keeping(tmp_path, tenants=own) as client:
        question = "Who wrote the play called Hamlet at all?"
        assert len(question) == 40
        given(client.post("/v1/answer", json={"questions": [question] * 2}))
        told = problem(client.post("/v1/answer", json={"question": f"{question}?"}), 422)
        assert told["detail"] == "question 1 has 41 characters; at most 40 are taken."
        told = problem(client.post("/v1/answer", json={"questions": [question] * 3}), 422)
        assert told["hint"] == "At most 2 are taken."
        chat = {"messages": [{"role": "user", "content": f"{question}?"}], "model": "rag-router"}
        refused = client.post("/v1/chat/completions", json=chat)
        assert (refused.status_code, "at most 40" in refused.text) == (400, True)
