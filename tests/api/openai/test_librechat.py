"""What LibreChat sends, and what it makes of what it gets."""

from __future__ import annotations

import httpx
import pytest
from frontends import completion_title, pieces_of
from little_house import parts, scripted_expert
from live_service import serving

from rag_router.assembly import assemble
from rag_router.models.scripted import Reply
from rag_router.settings import OpenAISettings, Settings

VALVE = "How often is the Larkspur valve calibrated?"


def script(prompt):
    if prompt.endswith("\nTitle:"):
        return Reply("Valve Calibration", 0.9)
    known = "calibrated every 90 days" in prompt
    return Reply("90 days", 0.95) if known else Reply("nobody said", 0.1)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("librechat")
    orchestrator = assemble(
        Settings(home=folder / "home"), parts(folder, expert=scripted_expert(script))
    )
    with (
        serving(lambda: orchestrator, OpenAISettings(profile="librechat")) as base,
        httpx.Client(base_url=base, trust_env=False) as client,
    ):
        yield client


def send(client, messages, **more):
    body = {
        "model": "rag-router",
        "user": "66aa",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": messages,
        **more,
    }
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    return response


def said(pieces):
    return "".join(
        piece["choices"][0]["delta"].get("content") or "" for piece in pieces if piece["choices"]
    )


def test_sources_are_a_list_in_markdown_below_the_answer(client):
    pieces = pieces_of(send(client, [{"role": "user", "content": VALVE}]))
    assert said(pieces) == "90 days [1]\n\n**Sources**\n\n1. Valves"
    assert pieces[-1]["choices"] == []
    assert pieces[-1]["usage"]["completion_tokens"] == len("90 days")


def test_nothing_is_sent_that_the_interface_does_not_know(client):
    for piece in pieces_of(send(client, [{"role": "user", "content": VALVE}])):
        assert piece["object"] == "chat.completion.chunk"
        assert "event" not in piece
        for choice in piece["choices"]:
            assert set(choice["delta"]) <= {"role", "content"}


def test_what_was_not_found_has_no_list_of_sources(client):
    pieces = pieces_of(send(client, [{"role": "user", "content": VALVE}], model="rag-router:never"))
    assert said(pieces) == "I don't know."


@pytest.mark.parametrize("role", ["user", "system"])
@pytest.mark.parametrize("model", ["rag-router", "rag-router:index=handbook", "rag-router-title"])
def test_titles_are_plain_whoever_they_are_said_to_come_from(client, role, model):
    text = completion_title([("User", VALVE), ("AI", "90 days")])
    pieces = pieces_of(send(client, [{"role": role, "content": text}], model=model))
    assert said(pieces) == "Valve Calibration"


def test_a_title_may_carry_settings_that_mean_nothing_here(client):
    text = completion_title([("User", VALVE)])
    response = send(
        client,
        [{"role": "user", "content": text}],
        stream=False,
        stream_options=None,
        presence_penalty=0,
        frequency_penalty=0,
        temperature=0.2,
    )
    assert response.json()["choices"][0]["message"]["content"] == "Valve Calibration"


def test_a_title_stands_even_where_the_model_writes_none(tmp_path):
    silent = scripted_expert(lambda _: Reply("a title that is " + "much " * 20 + "too long", 0.9))
    orchestrator = assemble(Settings(home=tmp_path / "home"), parts(tmp_path, expert=silent))
    text = completion_title([("User", "how do I calibrate the larkspur valve?"), ("AI", "Slowly")])
    with (
        serving(lambda: orchestrator) as base,
        httpx.Client(base_url=base, trust_env=False) as client,
    ):
        pieces = pieces_of(send(client, [{"role": "user", "content": text}]))
    assert said(pieces) == "Calibrate Larkspur Valve"
