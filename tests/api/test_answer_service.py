from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from little_house import SCRIPT, assert_documented, parts, scripted_expert

from rag_router.api.app import create_app
from rag_router.assembly import assemble
from rag_router.decoders.confidence_gain import ConfidenceGainDecoder
from rag_router.errors import IndexCorruptError
from rag_router.settings import LimitSettings, Settings

VALVE = "How often is the Larkspur valve calibrated?"
FRANCE = "What is the capital of France?"


@pytest.fixture(scope="module")
def orchestrator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    return assemble(Settings(home=folder / "home"), parts(folder))


def wait_until_loaded(client):
    for _ in range(10_000):
        ready = client.get("/health/ready")
        if ready.json()["status"] != "starting":
            return ready
    raise AssertionError("it never stopped starting")


@pytest.fixture(scope="module")
def client(orchestrator):
    limits = LimitSettings(questions_per_request=3)
    with TestClient(create_app(lambda: orchestrator, limits)) as client:
        wait_until_loaded(client)
        yield client


def ask(client, **request):
    response = client.post("/v1/answer", json=request)
    assert response.status_code == 200, response.text
    return response.json()["answers"]


def problem(response, status):
    """The problem document of a refused request, whose common parts are checked here."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert set(document) == {
        *("type", "title", "status", "detail", "hint", "instance", "retryable")
    }
    assert document["status"] == status
    assert document["instance"].endswith(response.headers["x-request-id"])
    return document


def test_one_question_gets_one_answer_in_the_documented_form(client):
    (answer,) = ask(client, question=VALVE)
    assert_documented(answer)
    assert "tokens" not in answer
    assert (answer["answer"], answer["reason"]) == ("90 days", "contextual")
    assert [c["passage_id"] for c in answer["citations"]] == (
        [p["id"] for p in answer["passages"] if p["index"] == "handbook"]
    )


def test_many_questions_are_answered_in_order(client):
    answers = ask(client, questions=[FRANCE, VALVE, FRANCE])
    assert [a["answer"] for a in answers] == ["Paris", "90 days", "Paris"]
    assert [a["question"] for a in answers] == [FRANCE, VALVE, FRANCE]
    assert [a["id"] for a in answers] == ["1", "2", "3"]


def test_what_the_model_knows_is_not_looked_up(client):
    (answer,) = ask(client, question=FRANCE)
    # Each of the five letters has probability 0.99, so the least of them has too.
    assert answer["knowledge"]["p_know"] == 0.99
    assert (answer["reason"], answer["passages"]) == ("parametric", [])
    assert answer["usage"]["retriever_calls"] == 0


def test_retrieval_can_be_forced_and_forbidden(client):
    (always,) = ask(client, question=FRANCE, retrieval="always", indexes=["towns"])
    assert (always["knowledge"]["retrieve"], always["usage"]["retriever_calls"]) == (True, 2)
    assert {p["index"] for p in always["passages"]} == {"towns"}
    (never,) = ask(client, question=VALVE, retrieval="never")
    assert (never["answer"], never["abstained"], never["passages"]) == (None, True, [])
    assert never["message"] == "I don't know."
    assert never["hint"] == "Retrieval was set to never."


def test_only_passages_that_meet_the_conditions_are_found(client):
    (found,) = ask(client, question=VALVE, retrieval="always", where={"document": ["valve", "x"]})
    assert [p["id"] for p in found["passages"]] == ["valve#0"]
    (found,) = ask(client, question=VALVE, retrieval="always", where={"document": {"ne": "valve"}})
    assert "valve#0" not in {p["id"] for p in found["passages"]}
    response = client.post("/v1/answer", json={"question": VALVE, "where": {"dokument": "valve"}})
    assert "Did you mean 'document'" in problem(response, 404)["hint"]


def test_no_index_at_all_may_be_chosen(client):
    (answer,) = ask(client, question=VALVE, retrieval="always", indexes=[])
    assert (answer["abstained"], answer["usage"]["retriever_calls"]) == (True, 0)


def test_every_token_is_shown_when_asked_for(client):
    (answer,) = ask(client, question=VALVE, tokens=True)
    assert "".join(token["text"] for token in answer["tokens"]) == "90 days"
    assert all(token["logprob"] <= 0 for token in answer["tokens"])


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "either `question` or `questions`"),
        ({"question": FRANCE, "questions": [FRANCE]}, "either `question` or `questions`"),
        ({"question": None, "questions": None}, "either `question` or `questions`"),
        ({"questions": []}, "`questions` is empty"),
        ({"questions": [FRANCE] * 4}, "4 questions are too many"),
        ({"question": ""}, "question 1 is empty"),
        ({"question": " \t\n"}, "question 1 is empty"),
        ({"questions": [FRANCE, ""]}, "question 2 is empty"),
        ({"question": "a" * 100_000}, "100,000 characters; at most 10,000"),
        ({"question": 5}, "body.question"),
        ({"questions": FRANCE}, "body.questions"),
        ({"question": FRANCE, "retreival": "auto"}, "body.retreival"),
        ({"question": FRANCE, "retrieval": "sometimes"}, "body.retrieval"),
        ({"question": FRANCE, "indexes": "towns"}, "body.indexes"),
        ({"question": FRANCE, "reliance": 0.5}, "the decoder 'plain' has no knob for reliance"),
        ({"question": FRANCE, "reliance": 1.5}, "body.reliance"),
        ({"question": FRANCE, "reliance": -0.5}, "body.reliance"),
        ({"question": FRANCE, "reliance": "memory"}, "body.reliance"),
        ({"question": FRANCE, "where": "a=b"}, "body.where"),
        ({"question": FRANCE, "where": {"a": None}}, "'a' cannot be compared with null"),
        ([FRANCE], "body"),
    ],
)
def test_what_makes_no_sense_is_a_problem_that_says_so(client, request_, said):
    assert said in problem(client.post("/v1/answer", json=request_), 422)["detail"]


@pytest.mark.parametrize("body", ["{", "", "\ufeff", '{"\\ud800": 1}', '{"question": "\\ud800"}'])
def test_a_body_that_is_no_text_or_no_json_is_a_problem_too(client, body):
    headers = {"content-type": "application/json"}
    problem(client.post("/v1/answer", content=body.encode(), headers=headers), 422)


def test_reliance_is_taken_by_a_decoder_that_has_such_a_knob(orchestrator):
    knob = replace(
        orchestrator, decoder=ConfidenceGainDecoder(epsilon=15.0), decoder_name="confidence_gain"
    )
    with TestClient(create_app(lambda: knob)) as client:
        wait_until_loaded(client)
        wanted = {"question": VALVE, "retrieval": "always", "tokens": True}
        shares = [
            ask(client, **wanted, reliance=reliance)[0]["tokens"][0]["alpha"]
            for reliance in (0.0, 1.0)
        ]
    # Every step counts as one of conflict, and the share of the passages is 1 - reliance.
    assert shares == [1.0, 0.0]


def test_a_request_without_a_knob_to_turn_names_the_decoders_that_have_one(client):
    response = client.post("/v1/answer", json={"question": FRANCE, "reliance": 0.5})
    assert "confidence_gain" in problem(response, 422)["hint"]


def test_an_unknown_index_is_answered_with_the_right_one(client):
    response = client.post("/v1/answer", json={"question": FRANCE, "indexes": ["hanbook"]})
    document = problem(response, 404)
    assert document["detail"] == "no index named 'hanbook'."
    assert document["hint"] == "Did you mean 'handbook'?"
    assert document["retryable"] is False


def test_unknown_places_and_methods_are_problems(client):
    assert problem(client.get("/v1/anser"), 404)["title"] == "Not found"
    response = client.get("/v1/answer")
    assert problem(response, 405)["title"] == "Method Not Allowed"
    assert response.headers["allow"] == "POST"


def test_hidden_characters_are_taken_out_and_reported(client):
    (answer,) = ask(client, question="What is the\u202e capital of\x00 France?")
    assert answer["question"] == FRANCE
    assert {"stage": "question", "what": "2 hidden or control character(s) removed"} in (
        answer["degraded"]
    )


def test_an_answer_over_http_is_the_one_of_the_library(client, orchestrator):
    (served,) = ask(client, question=VALVE)
    called = orchestrator.answer([VALVE])[0].to_json()
    assert served | {"timings_ms": {}} == called | {"timings_ms": {}}


def test_it_lives_while_it_loads_and_is_ready_afterwards(orchestrator):
    may_load = threading.Event()

    def load():
        may_load.wait()
        return orchestrator

    with TestClient(create_app(load)) as client:
        assert client.get("/health/live").json()["status"] == "ok"
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json() == {"status": "starting", "parts": {"models": "starting"}}
        response = client.post("/v1/answer", json={"question": FRANCE})
        assert problem(response, 503)["retryable"] is True
        assert response.headers["retry-after"] == "2"
        may_load.set()
        assert wait_until_loaded(client).status_code == 200
        assert ask(client, question=FRANCE)[0]["answer"] == "Paris"


def test_a_service_that_cannot_load_says_why_and_never_gets_ready(caplog):
    def load():
        raise IndexCorruptError("vectors.faiss is not what was published.", hint="Add it again.")

    with TestClient(create_app(load)) as client:
        ready = wait_until_loaded(client)
        for response in (ready, client.post("/v1/answer", json={"question": FRANCE})):
            document = problem(response, 503)
            assert document["detail"] == "vectors.faiss is not what was published."
            assert (document["hint"], document["retryable"]) == ("Add it again.", False)
            assert "retry-after" not in response.headers
        assert client.get("/health/live").status_code == 200
    assert "loading failed: vectors.faiss" in caplog.text


def test_questions_asked_at_once_are_answered_as_they_are_alone(client):
    answers: dict[int, str] = {}

    def one(number: int) -> None:
        question = FRANCE if number % 2 else VALVE
        answers[number] = ask(client, question=question)[0]["answer"]

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[n] for n in range(6)] == ["90 days", "Paris"] * 3


def test_the_openapi_page_lists_what_there_is(client):
    document = client.get("/openapi.json").json()
    assert {"/v1/answer", "/v1/experts", "/v1/gates", "/health/ready"} <= set(document["paths"])
    # What is kept needs somewhere to keep it.
    assert "/v1/documents" not in document["paths"]
    answer = document["paths"]["/v1/answer"]["post"]
    assert {"200", "400", "404", "413", "422", "503"} <= set(answer["responses"])
    assert client.get("/docs").status_code == 200
    fields = document["components"]["schemas"]["AnswerRequest"]["properties"]
    assert set(fields) >= {
        *("question", "questions", "retrieval", "indexes", "where", "reliance", "tokens", "stream")
    }


def test_a_service_without_documents_still_answers_what_is_known():
    from rag_router.assembly import Parts

    alone = Parts(expert=scripted_expert(SCRIPT), embedder=None, indexes={})
    with TestClient(create_app(lambda: assemble(Settings(), alone))) as client:
        wait_until_loaded(client)
        known, unknown = ask(client, questions=[FRANCE, VALVE])
    assert known["answer"] == "Paris"
    assert unknown["abstained"]
    assert "Add documents" in unknown["hint"]
