"""The official client of OpenAI's interface, on a real server with a scripted model."""

from __future__ import annotations

import base64

import httpx
import numpy as np
import openai
import pytest
from little_house import asked, parts, scripted_expert
from live_service import serving

from rag_router.assembly import assemble
from rag_router.models.scripted import Reply
from rag_router.settings import OpenAISettings, Settings

VALVE = "How often is the Larkspur valve calibrated?"
FRANCE = "What is the capital of France?"


def script(prompt):
    if "calibrated every 90 days" in prompt:
        return Reply("90 days", 0.95)
    if "Shout." in prompt:
        return Reply("PARIS", 0.99)
    return Reply("Paris", 0.99) if "France" in asked(prompt) else Reply("nobody said", 0.1)


@pytest.fixture(scope="module")
def orchestrator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openai")
    expert = scripted_expert(script)
    return assemble(Settings(home=folder / "home"), parts(folder, expert=expert))


@pytest.fixture(scope="module")
def base(orchestrator):
    with serving(lambda: orchestrator, OpenAISettings(max_tokens=100)) as base:
        yield base


@pytest.fixture(scope="module")
def client(base):
    with (
        httpx.Client(trust_env=False) as http,
        openai.OpenAI(
            base_url=f"{base}/v1", api_key="none", max_retries=0, http_client=http
        ) as client,
    ):
        yield client


def complete(client, text=VALVE, **more):
    model = more.pop("model", "rag-router")
    messages = more.pop("messages", [{"role": "user", "content": text}])
    return client.chat.completions.create(model=model, messages=messages, **more)


def content(completion):
    return completion.choices[0].message.content


def test_models_have_names_of_their_own_and_can_be_looked_at(client):
    names = [model.id for model in client.models.list()]
    assert names[:3] == ["rag-router", "rag-router:always", "rag-router:never"]
    assert {"rag-router:index=handbook", "rag-router:index=towns"} <= set(names)
    assert len(names) == len(set(names))
    assert all(client.models.retrieve(name).id == name for name in names)
    assert client.models.retrieve("rag-router:never:trace").object == "model"


def test_a_completion_has_text_citations_and_what_it_cost(client):
    completion = complete(client)
    choice = completion.choices[0]
    assert (completion.object, completion.model) == ("chat.completion", "rag-router")
    assert (choice.message.role, choice.message.content, choice.finish_reason) == (
        "assistant", "90 days", "stop",
    )  # fmt: skip
    (citation,) = choice.message.annotations
    assert (citation.type, citation.url_citation.title) == ("url_citation", "Valves")
    assert (citation.url_citation.start_index, citation.url_citation.end_index) == (0, 7)
    assert citation.url_citation.url == "urn:rag-router:handbook:valve%230"
    usage = completion.usage
    assert usage.completion_tokens == len("90 days")
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert completion.rag_router["reason"] == "contextual"


def test_a_stream_is_the_role_the_words_and_an_end(client):
    chunks = list(complete(client, stream=True))
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.role for chunk in chunks[1:]] == [None] * (len(chunks) - 1)
    words = [chunk.choices[0].delta.content or "" for chunk in chunks]
    # Pieces, not the text so far: the scripted model says a byte at a time.
    assert "".join(words) == "90 days"
    assert max(map(len, words)) < len("90 days")
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
    cited = [c.choices[0].delta.annotations for c in chunks if "annotations" in c.to_json()]
    assert cited[0][0]["url_citation"]["title"] == "Valves"
    assert all(chunk.usage is None for chunk in chunks)


def test_what_a_stream_cost_is_told_last_and_only_when_asked_for(client):
    *chunks, last = complete(client, stream=True, stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage == complete(client).usage
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_the_stream_on_the_wire_is_marked_and_ends_as_clients_expect(base):
    body = {
        "model": "rag-router",
        "stream": True,
        "messages": [{"role": "user", "content": FRANCE}],
    }
    with httpx.Client(base_url=base, trust_env=False) as client:
        response = client.post("/v1/chat/completions", json=body)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    lines = [line for line in response.text.split("\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"


def test_an_abstention_is_an_answer_that_says_so(client):
    completion = complete(client, model="rag-router:never")
    assert content(completion) == "I don't know."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.rag_router["abstained"] is True
    words = [c.choices[0].delta.content or "" for c in complete(
        client, model="rag-router:never", stream=True
    )]  # fmt: skip
    assert "".join(words) == "I don't know."


def test_the_whole_answer_is_returned_when_asked_for(client):
    by_field = complete(client, extra_body={"trace": True}).rag_router
    by_name = complete(client, model="rag-router:trace").rag_router
    assert by_field["knowledge"]["gate"] == by_name["knowledge"]["gate"] == "p_ik"
    assert "knowledge" not in complete(client).rag_router


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("rag-router:always:index=towns", {}),
        ("rag-router", {"retrieval": "always", "indexes": ["towns"]}),
        ("rag-router:never:index=handbook", {"retrieval": "always", "indexes": ["towns"]}),
    ],
)
def test_fields_go_before_what_a_name_says(client, model, fields):
    told = complete(client, FRANCE, model=model, extra_body={"trace": True, **fields}).rag_router
    assert told["knowledge"]["retrieve"] is True
    assert {p["index"] for p in told["passages"]} == {"towns"}


def test_an_expert_can_be_asked_for_by_its_name(client):
    assert content(complete(client, FRANCE, model="scripted")) == "Paris"


def test_what_the_client_tells_the_model_is_told(client):
    told = [{"role": "system", "content": "Shout."}, {"role": "user", "content": FRANCE}]
    assert content(complete(client, messages=told)) == "PARIS"
    told[0]["role"] = "developer"
    assert content(complete(client, messages=told)) == "PARIS"


def test_parts_of_text_are_put_together(client):
    text = [{"type": "text", "text": "What is the capital"}, {"type": "text", "text": "of France?"}]
    completion = complete(
        client, messages=[{"role": "user", "content": text}], model="rag-router:trace"
    )
    assert completion.rag_router["question"] == FRANCE


def test_limits_and_stop_strings_are_kept(client):
    completion = complete(client, max_tokens=2)
    assert (content(completion), completion.choices[0].finish_reason) == ("90", "length")
    completion = complete(client, max_completion_tokens=2, max_tokens=50)
    assert (content(completion), completion.usage.completion_tokens) == ("90", 2)
    completion = complete(client, stop=["da"])
    assert (content(completion), completion.choices[0].finish_reason) == ("90", "stop")
    assert content(complete(client, stop=" d")) == "90"


def test_draws_follow_temperature_and_seed(client):
    def drawn(**more):
        return content(complete(client, model="rag-router:always", **more))

    assert drawn(temperature=0) == drawn(temperature=0.0, seed=3) == "90 days"
    assert drawn(temperature=2.0, seed=1) == drawn(temperature=2.0, seed=1)
    # The first byte is likelier than 0.9: the fewest tokens that reach 0.9 are that one.
    assert drawn(temperature=1.0, top_p=0.9, seed=1) == "90 days"


def test_what_nobody_knows_is_ignored_and_so_are_tools(client):
    tool = {"type": "function", "function": {"name": "search", "parameters": {}}}
    completion = complete(
        client, tools=[tool], presence_penalty=1.0, extra_body={"metadata": {"chat": 1}, "x": [1]}
    )
    assert content(completion) == "90 days"
    assert completion.choices[0].message.tool_calls is None
    assert "tool_calls" not in complete(client, tools=[tool], stream=True).response.read().decode()


def test_a_question_that_refers_to_one_before_is_put_as_it_is_meant(client):
    messages = [
        {"role": "user", "content": "What is the capital of Norway?"},
        {"role": "assistant", "content": "Oslo"},
        {"role": "user", "content": "And France?"},
    ]
    completion = complete(client, messages=messages, model="rag-router:trace")
    assert completion.rag_router["question"] == FRANCE
    assert content(completion) == "Paris"


def refused(error, call):
    with pytest.raises(error) as raised:
        call()
    return raised.value


def test_an_unknown_model_is_not_found(client):
    error = refused(openai.NotFoundError, lambda: complete(client, model="gpt-3.5-turbo"))
    assert (error.code, error.param, error.type) == (
        "model_not_found", "model", "invalid_request_error",
    )  # fmt: skip
    assert "rag-router" in error.message
    refused(openai.NotFoundError, lambda: client.models.retrieve("rag-router:index=nowhere"))
    error = refused(openai.NotFoundError, lambda: complete(client, model="rag-router:fast"))
    assert "always" in error.message


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "Hi."}]}, "role 'user'"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "only text is read"),
        ({"temperature": 3.0}, "temperature"),
        ({"n": 2}, "there is one answer"),
        ({"tool_choice": "required"}, "nothing here calls tools"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"extra_body": {"reliance": 0.5}}, "has no knob for reliance"),
        ({"extra_headers": {"X-RAG-Router-Profile": "slack"}}, "no profile is called 'slack'"),
        ({"model": "rag-router:reliance=much"}, "Give a number from 0 to 1"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_makes_no_sense_is_a_bad_request_that_says_so(client, wrong, said, stream):
    error = refused(openai.BadRequestError, lambda: complete(client, **wrong, stream=stream))
    assert said in error.message
    assert set(error.body) == {"message", "type", "param", "code"}


def test_what_there_is_no_endpoint_for_is_refused_in_the_same_form(base):
    with httpx.Client(base_url=base, trust_env=False) as client:
        refusals = [
            client.get("/v1/chat/completions"),
            client.post("/v1/chat/complete"),
            client.delete("/v1/models/rag-router"),
        ]
    assert [one.status_code for one in refusals] == [405, 404, 405]
    assert refusals[0].headers["allow"] == "POST"
    for one in refusals:
        assert set(one.json()["error"]) == {"message", "type", "param", "code"}


def test_an_unknown_index_is_not_found(client):
    error = refused(
        openai.NotFoundError, lambda: complete(client, extra_body={"indexes": ["hanbook"]})
    )
    assert error.code == "index_not_found"
    assert "Did you mean 'handbook'?" in error.message


def test_embeddings_are_those_of_the_indexes_in_both_encodings(client, orchestrator):
    texts = ["The Larkspur valve", "Oslo"]
    name = orchestrator.embedder.name
    assert client.models.retrieve(name).id == name
    as_numbers = client.embeddings.create(model=name, input=texts, encoding_format="float")
    # The client asks for base64 by itself, and takes it apart.
    packed = client.embeddings.create(model=name, input=texts)
    expected = orchestrator.embedder.encode_passages(texts)
    for response in (as_numbers, packed):
        vectors = np.asarray([one.embedding for one in response.data], dtype=np.float32)
        assert np.array_equal(vectors, expected)
    assert [one.index for one in packed.data] == [0, 1]
    assert packed.usage.total_tokens == sum(orchestrator.embedder.count_tokens(texts))
    one = client.embeddings.create(model=name, input="Oslo", extra_body={"input_type": "query"})
    query = orchestrator.embedder.encode_queries(["Oslo"])[0]
    assert np.array_equal(np.asarray(one.data[0].embedding, dtype=np.float32), query)


def test_embeddings_on_the_wire_are_little_endian_floats(base, orchestrator):
    body = {"model": orchestrator.embedder.name, "input": "Oslo", "encoding_format": "base64"}
    with httpx.Client(base_url=base, trust_env=False) as client:
        data = client.post("/v1/embeddings", json=body).json()["data"][0]["embedding"]
    assert len(base64.b64decode(data)) == 4 * orchestrator.embedder.dimension


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"input": [[1, 2], [3]]}, "token numbers"),
        ({"input": []}, "0 texts"),
        ({"input": ["a", " "]}, "text 2"),
        ({"dimensions": 7}, "no other number"),
    ],
)
def test_embeddings_of_what_cannot_be_embedded_are_refused(client, orchestrator, wrong, said):
    wanted = {"model": orchestrator.embedder.name, "input": "a", **wrong}
    error = refused(openai.BadRequestError, lambda: client.embeddings.create(**wanted))
    assert said in error.message


def test_an_unknown_embedder_is_not_found(client):
    call = lambda: client.embeddings.create(model="text-embedding-3-small", input="a")  # noqa: E731
    assert refused(openai.NotFoundError, call).code == "model_not_found"
