"""Whatever is refused under OpenAI's paths is told in OpenAI's form, by whomever it is refused."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from little_house import parts, scripted_expert
from live_service import wait_until_ready

from rag_router.api.app import create_app
from rag_router.api.openai.errors import refusal_of_error
from rag_router.assembly import assemble
from rag_router.errors import OverloadedError, QuotaError, TooLargeError
from rag_router.models.remote_keys import load_key
from rag_router.settings import LimitSettings, Settings

CHAT = {"model": "rag-router", "messages": [{"role": "user", "content": "Who?"}]}
KEY = "k" * 20
POSTS = [("/v1/chat/completions", CHAT), ("/v1/embeddings", {"model": "hashing", "input": "a"})]


def waited(client):
    wait_until_ready(client)
    return client


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    house = assemble(Settings(home=folder / "home"), parts(folder))
    with TestClient(create_app(lambda: house, LimitSettings(request_mb=1))) as client:
        yield waited(client)


def error(response, status):
    """The error of a refused request, whose form is checked here."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert set(document) == {"error"}
    assert set(document["error"]) == {"message", "type", "param", "code"}
    assert document["error"]["message"].strip()
    assert response.headers["x-request-id"]
    return document["error"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": 5}', b"\xff\xfe", b""])
def test_a_body_that_makes_no_sense_is_400(client, path, body):
    headers = {"content-type": "application/json"}
    told = error(client.post(path, content=body, headers=headers), 400)
    assert told["type"] == "invalid_request_error"


def test_a_wrong_field_is_named(client):
    told = error(client.post("/v1/chat/completions", json=CHAT | {"temperature": "hot"}), 400)
    assert told["param"] == "temperature"


@pytest.mark.parametrize(("path", "body"), POSTS)
def test_a_body_that_is_too_large_is_413(client, path, body):
    large = b"x" * (2**20 + 1)
    for content in (large, iter([large[: 2**19]] * 3)):
        told = error(client.post(path, content=content), 413)
        assert told["message"] == "the request is larger than 1 MiB. Send less at once."
        assert told["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models/gpt-5"),
        ("GET", "/v1/models/rag-router:index=nowhere"),
        ("POST", "/v1/chat/nowhere"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/responses"),
    ],
)
def test_what_is_not_there_is_404(client, method, path):
    error(client.request(method, path), 404)


@pytest.mark.parametrize(("path", "body"), POSTS)
def test_a_model_that_is_not_there_is_404_and_named(client, path, body):
    told = error(client.post(path, json=body | {"model": "gpt-5"}), 404)
    assert (told["param"], told["code"]) == ("model", "model_not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/chat/completions"),
        ("POST", "/v1/models"),
        ("PUT", "/v1/models/rag-router"),
        ("GET", "/v1/embeddings"),
    ],
)
def test_a_method_that_is_not_there_is_405_and_says_which_is(client, method, path):
    refused = client.request(method, path)
    error(refused, 405)
    assert refused.headers["allow"]


@pytest.mark.parametrize(("path", "body"), [*POSTS, ("/v1/models", None)])
def test_a_missing_key_is_401(tmp_path, path, body):
    house = assemble(Settings(home=tmp_path / "home"), parts(tmp_path))
    (tmp_path / "key").write_text(KEY)
    key = load_key(variable=None, file=tmp_path / "key", name="[serve]")
    with TestClient(create_app(lambda: house, key=key)) as client:
        waited(client)
        method = "GET" if body is None else "POST"
        for headers in ({}, {"authorization": "Bearer wrong"}):
            refused = client.request(method, path, json=body, headers=headers)
            assert error(refused, 401)["type"] == "authentication_error"
            assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("path", "body"), [*POSTS, ("/v1/models", None)])
def test_while_models_load_it_is_503_and_says_when_to_come_again(path, body):
    def load():
        raise OverloadedError("not yet.", retry_after_s=6.2)

    with TestClient(create_app(load)) as client:
        refused = client.request("GET" if body is None else "POST", path, json=body)
    told = error(refused, 503)
    assert (told["type"], told["code"]) == ("server_error", "unavailable")
    assert int(refused.headers["retry-after"]) >= 2


def test_while_the_service_ends_it_is_503_with_retry_after(tmp_path):
    house = assemble(Settings(home=tmp_path / "home"), parts(tmp_path))
    with TestClient(create_app(lambda: house)) as client:
        waited(client).app.state.service.drain()
        refused = client.post("/v1/chat/completions", json=CHAT)
    assert "the service ends" in error(refused, 503)["message"]
    assert refused.headers["retry-after"] == "5"


def test_what_a_tenant_has_spent_is_429_with_retry_after():
    refused = refusal_of_error(QuotaError("spent.", retry_after_s=12.5))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "13")
    assert b'"rate_limit_error"' in refused.body
    assert b'"rate_limit_exceeded"' in refused.body


def test_what_is_too_large_for_a_field_is_413():
    assert refusal_of_error(TooLargeError("much.")).status_code == 413


def broken(prompt):
    raise ZeroDivisionError("a secret of somebody's")


def test_a_bug_of_ours_is_500_and_tells_nothing(tmp_path):
    made = parts(tmp_path, expert=scripted_expert(broken))
    with TestClient(create_app(lambda: assemble(Settings(home=tmp_path), made))) as client:
        refused = waited(client).post("/v1/chat/completions", json=CHAT)
    assert error(refused, 500)["type"] == "server_error"
    assert "secret" not in refused.text
