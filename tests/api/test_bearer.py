from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from little_house import parts
from said import VALVE, given, problem

from rag_router.api.app import create_app
from rag_router.api.bearer import key_for
from rag_router.assembly import assemble
from rag_router.errors import SettingsError
from rag_router.models.remote_keys import Key
from rag_router.settings import ServeSettings

SECRET = "a-key-of-thirty-two-characters-01"
CHAT = {"model": "rag-router", "messages": [{"role": "user", "content": VALVE}]}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    from rag_router.settings import Settings

    folder = tmp_path_factory.mktemp("bearer")
    house = assemble(Settings(home=folder / "home"), parts(folder))
    with TestClient(create_app(lambda: house, key=Key(SECRET))) as client:
        while client.get("/health/ready").status_code != 200:
            pass
        yield client


def test_the_key_opens_everything(client):
    right = {"Authorization": f"bearer {SECRET}"}
    given(client.post("/v1/answer", json={"question": VALVE}, headers=right))
    assert client.get("/metrics", headers=right).status_code == 200


@pytest.mark.parametrize(
    "sent", ["", "Bearer", f"Bearer {SECRET}x", f"Basic {SECRET}", SECRET, "Bearer é"]
)
def test_whoever_has_another_key_or_none_is_kept_out(client, sent):
    headers = [(b"authorization", sent.encode())]
    response = client.post("/v1/answer", json={"question": VALVE}, headers=headers)
    assert problem(response, 401)["hint"] == "Send it as `Authorization: Bearer KEY`."
    assert response.headers["www-authenticate"] == "Bearer"
    assert client.get("/metrics", headers=headers).status_code == 401
    assert client.get("/docs", headers=headers).status_code == 401


def test_clients_of_openai_are_told_in_their_words(client):
    response = client.post("/v1/chat/completions", json=CHAT)
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"
    assert client.get("/v1/models").status_code == 401


def test_health_is_told_to_everybody(client):
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_key(host):
    assert key_for(ServeSettings(), host) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "rag.example", ""])
def test_everywhere_else_there_is_no_service_without_one(host, tmp_path):
    with pytest.raises(SettingsError, match="without a key"):
        key_for(ServeSettings(), host)
    file = tmp_path / "key"
    file.write_text(f"{SECRET}\n", encoding="ascii")
    key = key_for(ServeSettings(key_file=file), host)
    assert key is not None
    assert key.headers() == {"Authorization": f"Bearer {SECRET}"}


def test_a_key_that_can_be_guessed_is_none(monkeypatch):
    monkeypatch.setenv("SERVICE_KEY", "fifteen-letters")
    with pytest.raises(SettingsError, match="has 15 characters; 16 are the least") as said:
        key_for(ServeSettings(key_env="SERVICE_KEY"), "127.0.0.1")
    assert "fifteen" not in str(said.value)
