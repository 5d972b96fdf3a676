from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from rag_router import __version__
from rag_router.eval.manifest import manifest, presentable
from rag_router.settings import Settings, load_settings

NOON = datetime(2026, 1, 2, 12, 0, 30, 999, tzinfo=UTC)


def made(**changes):
    return manifest(**({"settings": {}, "now": NOON, "modules": {}} | changes))


def test_a_manifest_says_what_was_run_on_what():
    found = made(
        settings={"seed": 0},
        models=[("gemma-3-270m", "ab12")],
        prompts={"closed_book": "Q: {question}\nA:"},
        data=[(Path("/data/sets/nq.jsonl.gz"), "cd34", 500), (r"C:\sets\popqa.jsonl", "ef56", 20)],
        seeds={"split": 0},
        extra={"goal": "even"},
    )
    assert found["models"] == [{"name": "gemma-3-270m", "fingerprint": "ab12"}]
    assert found["prompts"] == {"closed_book": "Q: {question}\nA:"}
    assert found["data"] == [
        {"file": "nq.jsonl.gz", "sha256": "cd34", "rows": 500},
        {"file": "popqa.jsonl", "sha256": "ef56", "rows": 20},
    ]
    assert (found["settings"], found["seeds"], found["extra"]) == (
        {"seed": 0},
        {"split": 0},
        {"goal": "even"},
    )
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_versions_and_the_machine_are_told():
    found = made()
    assert found["versions"]["rag_router"] == __version__
    assert {"python", "torch", "numpy", "faiss"} <= found["versions"].keys()
    assert found["machine"]["cpus"] >= 1
    assert all(isinstance(version, str) for version in found["versions"].values())


def test_what_does_not_exist_is_left_out():
    found = made()
    assert "extra" not in found
    assert "devices" not in found["machine"]


@pytest.mark.parametrize("count", [0, 2])
def test_accelerators_are_named_where_torch_is_loaded_and_has_some(count):
    cuda = SimpleNamespace(
        is_available=lambda: count > 0,
        device_count=lambda: count,
        get_device_name=lambda at: f"GPU {at}",
    )
    machine = made(modules={"torch": SimpleNamespace(cuda=cuda)})["machine"]
    assert machine.get("devices", []) == ["GPU 0", "GPU 1"][:count]


def test_the_date_is_utc_to_the_second():
    assert made()["date"] == "2026-01-02T12:00:30Z"
    east = timezone(timedelta(hours=9))
    assert made(now=datetime(2026, 1, 2, 3, tzinfo=east))["date"] == "2026-01-01T18:00:00Z"
    assert manifest(settings={}, modules={})["date"].endswith("Z")


def test_settings_become_plain_with_the_options_of_components():
    chosen = {"RAG_ROUTER_GATE__NAME": "confidence", "RAG_ROUTER_GATE__THRESHOLD": "0.4"}
    settings = load_settings(environment=chosen)
    found = made(settings=settings)["settings"]
    assert found["gate"] == {"name": "confidence", "threshold": 0.4}
    assert found["generator"]["max_new_tokens"] == settings.generator.max_new_tokens
    assert found["home"] == settings.home.name


def test_of_the_default_settings_only_where_the_server_s_secret_lies_is_dropped():
    assert made(settings=Settings())["settings"].keys() == Settings.model_fields.keys() - {"keys"}


class Server(BaseModel):
    url: str = "https://me:pw@models.example/v1?sig=abc#part"
    api_key: str = "sk-1"
    pin: SecretStr = SecretStr("1234")


SECRETS = """
    api_key apiKey API-KEY OPENAI_API_KEY token auth_token Password db.password client-secret
    headers Authorization credentials
"""


@pytest.mark.parametrize("name", SECRETS.split())
def test_secrets_are_dropped(name):
    assert presentable({name: "x", "kept": [{name: "x"}]}) == {"kept": [{}]}


@pytest.mark.parametrize("name", ["max_new_tokens", "passage_tokens", "keyword", "monkey", "name"])
def test_what_only_sounds_like_a_secret_stays(name):
    assert presentable({name: 5}) == {name: 5}


def test_secrets_of_a_model_and_in_addresses_are_dropped():
    assert presentable(Server()) == {"url": "https://models.example/v1"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Path("/home/me/gates/p_ik"), "p_ik"),
        (Path("relative/gate"), "gate"),
        (PureWindowsPath(r"D:\gates\p_ik"), "p_ik"),
        ("/home/me/gates/p_ik", "p_ik"),
        ("~/gates/p_ik", "p_ik"),
        ("./gates/p_ik", "p_ik"),
        ("../p_ik", "p_ik"),
        (r"C:\Users\me\p_ik", "p_ik"),
        (r"\\server\share\p_ik", "p_ik"),
        ("path:/models/gemma", "gemma"),
        ("path:models/gemma", "gemma"),
        ("sqlite:////home/me/rag.sqlite", "rag.sqlite"),
        ("postgresql://me:pw@db.example/rag", "postgresql://db.example/rag"),
        ("hf:org/name@main", "hf:org/name@main"),
        ("I don't know.", "I don't know."),
        ("and/or", "and/or"),
    ],
)
def test_of_a_path_only_the_name_stays(value, shown):
    assert presentable(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("inf"), "inf"),
        (frozenset({"b", "a"}), ["a", "b"]),
        ((1, None, True), [1, None, True]),
        (NOON, "2026-01-02 12:00:30.000999+00:00"),
    ],
)
def test_anything_becomes_json_data(value, shown):
    assert presentable(value) == shown


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
    )
)
def test_whatever_is_presentable_is_json(value):
    json.dumps(presentable(value), allow_nan=False)
