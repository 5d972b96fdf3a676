"""LangChain's client of OpenAI's interface, on a real server with a scripted model."""

from __future__ import annotations

import httpx
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from little_house import parts
from live_service import serving

from rag_router.assembly import assemble
from rag_router.settings import Settings

VALVE = "How often is the Larkspur valve calibrated?"


@pytest.fixture(scope="module")
def orchestrator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("langchain")
    return assemble(Settings(home=folder / "home"), parts(folder))


@pytest.fixture(scope="module")
def base(orchestrator):
    with serving(lambda: orchestrator) as base:
        yield f"{base}/v1"


@pytest.fixture(scope="module")
def http():
    with httpx.Client(trust_env=False) as http:
        yield http


@pytest.fixture(scope="module")
def chat(base, http):
    return ChatOpenAI(model="rag-router", base_url=base, api_key="none", http_client=http)


def test_a_chat_model_answers_with_usage_and_citations(chat):
    message = chat.invoke([("system", "Be brief."), ("human", VALVE)])
    assert message.content == "90 days"
    assert message.usage_metadata["output_tokens"] == len("90 days")
    assert message.response_metadata["finish_reason"] == "stop"


def test_a_chat_model_streams_pieces_and_then_what_they_cost(chat):
    pieces = list(chat.stream(VALVE, stream_usage=True))
    assert "".join(piece.content for piece in pieces) == "90 days"
    assert len([piece for piece in pieces if piece.content]) > 1
    costs = [piece.usage_metadata for piece in pieces if piece.usage_metadata]
    assert [cost["output_tokens"] for cost in costs] == [len("90 days")]


def test_several_questions_are_answered_in_order(chat):
    answers = chat.batch([VALVE, "What is the capital of France?"])
    assert [answer.content for answer in answers] == ["90 days", "Paris"]


def test_tools_that_are_bound_are_ignored(chat):
    def search(query: str) -> str:
        """Search."""
        return query

    message = chat.bind_tools([search]).invoke(VALVE)
    assert (message.content, message.tool_calls) == ("90 days", [])


def test_embeddings_are_to_be_had(base, http, orchestrator):
    embeddings = OpenAIEmbeddings(
        model=orchestrator.embedder.name,
        base_url=base,
        api_key="none",
        http_client=http,
        check_embedding_ctx_length=False,
    )
    (vector,) = embeddings.embed_documents(["Oslo"])
    expected = orchestrator.embedder.encode_passages(["Oslo"])[0]
    assert vector == pytest.approx(expected.tolist())
