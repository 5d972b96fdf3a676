"""The function that is pasted into Open WebUI, against a real server."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import json
import sys
from pathlib import Path

import pytest
from little_house import SCRIPT, parts, scripted_expert
from live_service import serving

from rag_router.assembly import assemble
from rag_router.models.scripted import Reply
from rag_router.settings import Settings

PLUGIN = Path(__file__).parents[2] / "plugins" / "openwebui_pipe.py"
VALVE = "How often is the Larkspur valve calibrated?"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipe")
    expert = scripted_expert({"\nTitle:": Reply("Valve Calibration", 0.9), **SCRIPT})
    orchestrator = assemble(Settings(home=folder / "home"), parts(folder, expert=expert))
    with serving(lambda: orchestrator) as base:
        yield f"{base}/v1"


@pytest.fixture
def pipe(base, monkeypatch):
    # The frontend, too, goes straight to a service on the same machine.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    spec = importlib.util.spec_from_file_location("openwebui_pipe", PLUGIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pipe = module.Pipe()
    pipe.valves = module.Pipe.Valves(BASE_URL=base, API_KEY="key")
    return pipe


def body(text=VALVE, **more):
    return {
        "model": "rag_router.rag-router",
        "messages": [{"role": "user", "content": text}],
        "stream": True,
        "metadata": {"chat_id": "x"},
        **more,
    }


def streamed(pipe, request):
    async def run():
        events = []

        async def emit(event):
            events.append(event)

        pieces = await pipe.pipe(request, __event_emitter__=emit)
        return [piece async for piece in pieces], events

    return asyncio.run(run())


def test_models_are_those_of_the_service(pipe):
    names = [one["id"] for one in asyncio.run(pipe.pipes())]
    assert names[:2] == ["rag-router", "rag-router:always"]


def test_an_answer_is_streamed_with_its_sources_and_stages(pipe):
    pieces, events = streamed(pipe, body())
    assert "".join(pieces) == "90 days [1]"
    assert [event["type"] for event in events].count("source") == 1
    assert events[-1] == {
        "type": "status",
        "data": {"description": "Answered from 1 passage", "done": True},
    }


def test_a_name_behind_the_functions_own_says_what_is_wanted(pipe):
    pieces, events = streamed(pipe, body(model="rag_router.rag-router:never"))
    assert "".join(pieces) == "I don't know."
    assert not any(event["type"] == "source" for event in events)


def test_an_errand_is_named_as_one_and_not_looked_up(pipe):
    request = body("Name it.\n<chat_history>\nUSER: How heavy is it?\n</chat_history>")
    reply = asyncio.run(pipe.pipe(request, __task__="title_generation"))
    assert json.loads(reply) == {"title": "Valve Calibration"}


def test_an_answer_need_not_be_streamed(pipe):
    assert asyncio.run(pipe.pipe(body(stream=False))) == "90 days [1]"


@pytest.mark.parametrize("stream", [True, False])
def test_what_goes_wrong_is_what_the_service_said(pipe, stream):
    async def run():
        reply = await pipe.pipe(body(model="rag_router.nope", stream=stream))
        return [piece async for piece in reply]

    with pytest.raises(RuntimeError, match="no model named 'nope'"):
        asyncio.run(run())


def test_it_needs_nothing_but_what_the_frontend_has():
    tree = ast.parse(PLUGIN.read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    roots = {name.partition(".")[0] for name in imported}
    assert roots - set(sys.stdlib_module_names) == {"httpx", "pydantic"}
