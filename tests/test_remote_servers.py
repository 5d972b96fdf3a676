"""Experts behind real servers: our own service, and the one that transformers ships."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from little_house import parts, scripted_expert
from little_remote import remote
from little_router import ALWAYS, KNOWN, TIBER, UNKNOWN, notes
from live_service import serving

from rag_router.assembly import assemble
from rag_router.experts.remote import load_remote
from rag_router.gates.agreement import AgreementGate
from rag_router.gates.never import NeverGate
from rag_router.models.scripted import Reply
from rag_router.models.store import ModelStore
from rag_router.settings import ExpertSettings, OpenAISettings, RemoteSettings, Settings

PATIENT = RemoteSettings(first_byte_s=60.0, between_bytes_s=60.0, total_s=120.0)
NEEDED = ("fastapi", "uvicorn", "openai", "rich")


# --- our own ------------------------------------------------------------------------------------


def script(prompt):
    """What the model behind our own service says; it is sure, so that nothing is looked up."""
    return Reply("Shakespeare" if "hamlet" in prompt else "Tiber", 0.95)


@pytest.fixture(scope="module")
def own_service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    settings = Settings(
        home=folder / "home", gate={"name": "confidence"}, policy={"min_confidence": 0.0}
    )
    orchestrator = assemble(settings, parts(folder, expert=scripted_expert(script)))
    with serving(lambda: orchestrator, OpenAISettings()) as base:
        yield f"{base}/v1"


@pytest.mark.parametrize("stream", [True, False])
def test_our_own_service_may_be_an_expert_of_another(own_service, stream):
    patience = PATIENT.model_copy(update={"stream": stream})
    settings = ExpertSettings(
        name="big", model="rag-router:never", url=own_service, remote=patience
    )
    one = remote(own_service, expert=load_remote(settings, passage_tokens=4000), gate=NeverGate())
    said = one.answer([KNOWN])[0]
    assert (said.text, said.reason) == ("Shakespeare", "parametric")
    assert said.usage.prompt_tokens > 0
    assert not [what for _, what in notes(said) if "estimated" in what]


# --- transformers serve -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smollm2_folder():
    return ModelStore().resolve("smollm2-135m-instruct").path


@pytest.fixture(scope="module")
def transformers_serve(smollm2_folder):
    if lacking := [name for name in NEEDED if find_spec(name) is None]:
        pytest.skip(f"transformers serve needs {', '.join(lacking)}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("transformers")),
        "serve",
        str(smollm2_folder),
        *("--host", "127.0.0.1", "--port", str(port), "--device", "cpu"),
    ]
    server = subprocess.Popen(
        command,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(600):
            assert server.poll() is None, "transformers serve has ended"
            try:
                if httpx.get(f"{base}/health", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        yield f"{base}/v1"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def smollm2(transformers_serve, smollm2_folder):
    settings = ExpertSettings(
        name="smollm2", model=str(smollm2_folder), url=transformers_serve, remote=PATIENT
    )
    expert = load_remote(settings, passage_tokens=4000)
    yield expert
    expert.model.client.close()


@pytest.mark.model
def test_a_model_that_transformers_serves_reads_passages_and_is_cited(smollm2):
    said = remote("", expert=smollm2, gate=NeverGate()).answer([UNKNOWN], ALWAYS)[0]
    assert "Tiber" in said.text
    assert said.citations[0].passage_id == "wiki-0"
    assert said.evidence.kept[0].hit.passage.text == TIBER
    assert (said.conflict.divergence, said.conflict.strategy) == (None, "plain")
    assert said.usage.completion_tokens > 0
    assert ("decode", "smollm2 does not tell how sure it is of its words") in notes(said)


@pytest.mark.model
def test_a_model_that_transformers_serves_judges_and_answers_from_memory(smollm2):
    one = remote("", expert=smollm2, indices={})
    said = one.answer(["What is the capital of France?"])[0]
    assert "Paris" in said.text
    # One vote, either way.
    assert said.knowledge.p_know in (pytest.approx(1 / 3), pytest.approx(2 / 3))


@pytest.mark.model
def test_a_model_that_transformers_serves_draws_answers(smollm2):
    one = remote("", expert=smollm2, indices={}, gate=AgreementGate(samples=4))
    said = one.answer(["What is the capital of France?"])[0]
    assert 0.0 <= said.knowledge.p_know <= 1.0
    # A greedy answer and four draws, each of them a prompt.
    assert said.usage.lm_forward_passes >= 5
