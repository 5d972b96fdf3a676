"""What can be said of deployment files without a container or an init system."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from rag_router.settings import ServeSettings, load_settings

ROOT = Path(__file__).parents[1]
DOCKERFILES = [ROOT / "Dockerfile", ROOT / "deploy" / "Dockerfile.cuda"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_run_as_nobody_in_particular_and_copy_what_is_there(path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert names and all((ROOT / name).exists() for name in names)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{name}" for name in names} <= set(ignored)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_set_what_there_is_to_set(path):
    text = path.read_text(encoding="utf-8")
    variables = dict(re.findall(r"(RAG_ROUTER_\w+)=(\S+)", text.partition("ENV PATH")[2]))
    settings = load_settings(environment=variables)
    assert settings.serve.host == "0.0.0.0"
    assert settings.serve.drain_seconds == 5.0


def test_both_images_differ_in_what_a_gpu_needs_alone():
    cpu, cuda = (path.read_text(encoding="utf-8").splitlines() for path in DOCKERFILES)
    more = [line.strip() for line in cuda if line not in cpu and not line.startswith("#")]
    assert more == [
        "NVIDIA_VISIBLE_DEVICES=all \\",
        "NVIDIA_DRIVER_CAPABILITIES=compute,utility \\",
        "RAG_ROUTER_GENERATOR__DEVICE=cuda \\",
    ]


def test_the_composed_service_is_locked_up_and_keeps_in_postgres():
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    one = services["services"]["rag-router"]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["ports"] == ["127.0.0.1:8600:8600"]
    settings = load_settings(
        environment={k: v for k, v in one["environment"].items() if k.startswith("RAG_ROUTER")}
    )
    assert settings.store.url == "postgresql://rag@postgres/rag"
    assert settings.serve.key_file == Path("/run/secrets/key")
    seconds = int(one["stop_grace_period"].removesuffix("s"))
    assert seconds > ServeSettings().finish_seconds + 5


def test_the_unit_reloads_and_has_time_to_end():
    text = (ROOT / "deploy" / "rag-router.service").read_text(encoding="utf-8")
    assert "ExecReload=/bin/kill -HUP $MAINPID" in text
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert int(seconds) > ServeSettings().finish_seconds + 5
