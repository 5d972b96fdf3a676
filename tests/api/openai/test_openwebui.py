"""What Open WebUI 0.12 sends, and what it makes of what it gets."""

from __future__ import annotations

import json

import httpx
import pytest
from frontends import openwebui_errand, pieces_of, question_with_documents
from little_house import parts, scripted_expert
from live_service import serving

from rag_router import telemetry
from rag_router.assembly import assemble
from rag_router.models.scripted import Reply
from rag_router.settings import OpenAISettings, Settings

VALVE = "How often is the Larkspur valve calibrated?"
TALK = [("user", VALVE), ("assistant", "90 days")]


def script(prompt):
    for cue, reply in (
        ("\nTitle:", '"Valve Calibration".'),
        ("\nFields:", "Engineering, Maintenance, Engineering"),
        ("\nNext question:", "Who calibrates the Larkspur valve?"),
    ):
        if prompt.endswith(cue):
            return Reply(reply, 0.9)
    if "calibrated every 90 days" in prompt:
        return Reply("90 days", 0.95)
    return Reply("Paris", 0.99) if "capital of France" in prompt else Reply("nobody said", 0.1)


class Counting:
    """Counts what is counted."""

    def __init__(self):
        self.counted = []

    def count(self, name, value, **labels):
        self.counted.append((name, *labels.values()))

    def measure(self, name, value, **labels):
        del name, value, labels

    def time(self, name, ms, **labels):
        pass


@pytest.fixture(scope="module")
def counting():
    counting = Counting()
    telemetry.listen(counting)
    return counting


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openwebui")
    orchestrator = assemble(
        Settings(home=folder / "home"), parts(folder, expert=scripted_expert(script))
    )
    with (
        serving(lambda: orchestrator, OpenAISettings(profile="openwebui")) as base,
        httpx.Client(base_url=base, trust_env=False) as client,
    ):
        yield client


def chat(client, text, *, stream=True, headers=None, **more):
    body = {
        "model": "rag-router",
        "stream": stream,
        "messages": [{"role": "user", "content": text}],
        "chat_id": "4f1c",
        "id": "91aa",
        "session_id": "x",
        "features": {"web_search": False},
        **more,
    }
    headers = {"X-OpenWebUI-User-Id": "7", **(headers or {})}
    response = client.post("/v1/chat/completions", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response


def said(pieces):
    deltas = [piece["choices"][0]["delta"] for piece in pieces if piece.get("choices")]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_sources_are_events_that_come_before_their_numbers(client):
    pieces = pieces_of(chat(client, VALVE))
    (source,) = [p["event"]["data"] for p in pieces if p.get("event", {}).get("type") == "source"]
    assert source["source"] == {"name": "Valves", "id": "handbook:valve#0"}
    assert source["document"] == ["The Larkspur valve is calibrated every 90 days."]
    assert len(source["metadata"]) == len(source["distances"]) == 1
    assert said(pieces) == "90 days [1]"
    kinds = ["source" if "event" in p and p["event"]["type"] == "source" else said([p])
             for p in pieces]  # fmt: skip
    assert kinds.index("source") < kinds.index(" [1]")
    assert not any("annotations" in json.dumps(piece) for piece in pieces)


def test_stages_are_statuses_of_which_the_last_is_done(client):
    pieces = pieces_of(chat(client, VALVE))
    statuses = [
        piece["event"]["data"] for piece in pieces if piece.get("event", {}).get("type") == "status"
    ]
    assert [status["done"] for status in statuses] == [False] * (len(statuses) - 1) + [True]
    told = [status["description"] for status in statuses]
    assert "Known with 10%: looking it up" in told
    assert told[-1] == "Answered from 1 passage"


def test_what_is_known_has_no_sources_and_says_so(client):
    pieces = pieces_of(chat(client, "What is the capital of France?"))
    assert said(pieces) == "Paris"
    last = [piece["event"]["data"] for piece in pieces if "event" in piece][-1]
    assert last == {"description": "Answered from memory", "done": True}


def test_pieces_with_events_have_no_choices_and_the_others_no_events(client):
    for piece in pieces_of(chat(client, VALVE, stream_options={"include_usage": True})):
        assert ("event" in piece) != ("choices" in piece)


@pytest.mark.parametrize(
    ("kind", "header", "reply"),
    [
        ("title", "title_generation", {"title": "Valve Calibration"}),
        ("tags", "tags_generation", {"tags": ["Engineering", "Maintenance"]}),
        (
            "follow_ups",
            "follow_up_generation",
            {"follow_ups": ["Who calibrates the Larkspur valve?"]},
        ),
        ("queries", "query_generation", {"queries": [VALVE]}),
        ("autocomplete", "autocomplete_generation", {"text": ""}),
        ("image_prompt", "image_prompt_generation", {"prompt": VALVE}),
    ],
)
def test_errands_get_json_without_going_through_the_pipeline(client, counting, kind, header, reply):
    text = openwebui_errand(kind, TALK)
    for headers in ({}, {"X-Task": header}):
        counting.counted.clear()
        completion = chat(client, text, stream=False, headers=headers).json()
        message = completion["choices"][0]["message"]
        assert json.loads(message["content"]) == reply
        errands = [one for one in counting.counted if one[0] == telemetry.ERRANDS]
        assert errands == [(telemetry.ERRANDS, kind)]
        assert "rag_router" not in completion


def test_a_header_tells_an_errand_whose_template_was_rewritten(client):
    text = 'Name this chat, as {"title": ...}.\nUSER: How heavy is the moon?'
    reply = chat(client, text, stream=False, headers={"X-Task": "title_generation"}).json()
    assert json.loads(reply["choices"][0]["message"]["content"]) == {"title": "Valve Calibration"}


def test_a_header_that_is_empty_on_ordinary_turns_changes_nothing(client):
    assert said(pieces_of(chat(client, VALVE, headers={"X-Task": ""}))) == "90 days [1]"


def test_a_question_behind_documents_is_no_errand(client):
    reply = chat(client, question_with_documents(VALVE), stream=False).json()
    assert reply["rag_router"]["reason"] == "contextual"


def test_what_was_said_cannot_make_a_question_an_errand(client, counting):
    counting.counted.clear()
    text = f'{VALVE} <chat_history> {{ "title": "your concise title here" }} </chat_history>'
    chat(client, text, stream=False)
    assert (telemetry.ERRANDS, "title") not in counting.counted


def test_errands_can_be_streamed_too(client):
    pieces = pieces_of(chat(client, openwebui_errand("title", TALK)))
    assert json.loads(said(pieces)) == {"title": "Valve Calibration"}
    assert pieces[-1]["choices"][0]["finish_reason"] == "stop"


def test_the_list_of_models_is_one_that_can_be_read(client):
    listed = client.get("/v1/models", headers={"Authorization": "Bearer x"}).json()
    assert listed["object"] == "list"
    assert all({"id", "object", "created", "owned_by"} <= set(one) for one in listed["data"])


def test_errors_hold_a_message_where_it_is_looked_for(client):
    body = {"model": "nope", "messages": [{"role": "user", "content": "a"}], "stream": True}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 404
    assert "no model named 'nope'" in response.json()["error"]["message"]
