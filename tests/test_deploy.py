"""What can be said of deployment files without a container or an init system."""

from __future__ import annotations

import json
import re
import tomllib
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


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_are_built_of_named_versions_and_bring_no_tools_along(path):
    text = path.read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases
    for base in bases:
        name, colon, tag = base.rpartition(":")
        assert colon and name and tag and tag != "latest"
    built, final = text.split("\nFROM ")[-2:]
    # What compiles and installs stays behind with the first stage.
    assert "pip install" in built
    assert "pip install" not in final
    assert not re.findall(r"apt-get|curl |wget |ADD |sudo|chmod 777", text)
    assert not re.findall(r"(?i)(password|secret|token|key)=\S", text.partition("ENV PATH=/opt")[2])


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_start_as_a_program_that_hears_signals_and_say_whether_they_are_ready(path):
    text = path.read_text(encoding="utf-8")
    final = text.rpartition("\nFROM ")[2]
    last = [line for line in final.splitlines() if line and not line.startswith("#")]
    # Not by a shell, which would keep SIGTERM to itself.
    entry, command = last[-2:]
    assert json.loads(entry.removeprefix("ENTRYPOINT ")) == ["rag-router"]
    assert json.loads(command.removeprefix("CMD ")) == ["serve"]
    assert "STOPSIGNAL SIGTERM" in last
    (check,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.+?\])$", final, re.MULTILINE | re.DOTALL)
    program, option, code = json.loads(check)
    assert (program, option) == ("python", "-c")
    compile(code, "healthcheck", "exec")
    (port,) = re.findall(r"^EXPOSE (\d+)$", final, re.MULTILINE)
    assert int(port) == ServeSettings().port
    assert f"127.0.0.1:{port}/health/ready" in code


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_write_nowhere_but_to_their_volumes(path):
    final = path.read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    (volumes,) = re.findall(r"^VOLUME (\[.+\])$", final, re.MULTILINE)
    variables = dict(re.findall(r"(\w+)=(\S+)", final))
    homes = {variables["RAG_ROUTER_HOME"], variables["RAG_ROUTER_MODELS"]}
    assert homes == set(json.loads(volumes))
    # Both belong to the user that runs it, and whatever else looks for a home finds /tmp.
    assert "install -d -o rag -g rag /data /models" in final
    assert (variables["HOME"], variables["PYTHONDONTWRITEBYTECODE"]) == ("/tmp", "1")
    assert final.index("install -d") < final.index("USER 10001:10001") < final.index("ENTRYPOINT")


def test_the_extras_that_images_install_are_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = set(project["project"]["optional-dependencies"])
    assert project["project"]["scripts"]["rag-router"]
    for path in DOCKERFILES:
        (named,) = re.findall(r'"\.\[(.+)\]"', path.read_text(encoding="utf-8"))
        assert set(named.split(",")) <= extras
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert len(re.findall(r"^torch==", constraints, re.MULTILINE)) == 1


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
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["tmpfs"] == ["/tmp"]
    assert one["ports"] == ["127.0.0.1:8600:8600"]
    settings = load_settings(
        environment={k: v for k, v in one["environment"].items() if k.startswith("RAG_ROUTER")}
    )
    assert settings.store.url == "postgresql://rag@postgres/rag"
    assert settings.serve.key_file == Path("/run/secrets/key")
    seconds = int(one["stop_grace_period"].removesuffix("s"))
    assert seconds > ServeSettings().finish_seconds + 5


def test_the_composed_services_hang_together():
    document = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    services = document["services"]
    for name, one in services.items():
        image, _, tag = one["image"].partition(":")
        assert image
        assert tag != "latest"
        # What is built here is called as it is; what is fetched has a version.
        assert tag or "build" in one
        mounted = [volume.partition(":")[0] for volume in one.get("volumes", [])]
        assert set(mounted) <= set(document["volumes"])
        assert set(one.get("secrets", [])) <= set(document["secrets"])
        for other, how in one.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert services[other]["healthcheck"]["test"][0] == "CMD-SHELL"
        assert one["restart"] == "unless-stopped", name
    written = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    # Passwords come from outside, and nobody starts without.
    assert re.findall(r"PASSWORD: (\S+?):\?", written) == ["${POSTGRES_PASSWORD"] * 2
    built = ROOT / "deploy" / services["rag-router"]["build"]["context"] / "Dockerfile"
    assert built.resolve() == DOCKERFILES[0]
    targets = {volume.partition(":")[2] for volume in services["rag-router"]["volumes"]}
    assert targets == {"/data", "/models"}


def test_the_unit_runs_as_nobody_in_particular_and_looks_before_it_starts():
    text = (ROOT / "deploy" / "rag-router.service").read_text(encoding="utf-8")
    unit = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    lines = dict(re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE))
    assert (lines["DynamicUser"], lines["ProtectSystem"], lines["NoNewPrivileges"]) == (
        "yes", "strict", "yes",
    )  # fmt: skip
    assert lines["CapabilityBoundingSet"] == ""
    program, *arguments = lines["ExecStartPre"].split()
    assert program == lines["ExecStart"].split()[0]
    assert arguments[:2] == ["config", "check"]
    assert arguments[2] == lines["ExecStart"].split()[-1]


def test_the_unit_reloads_and_has_time_to_end():
    text = (ROOT / "deploy" / "rag-router.service").read_text(encoding="utf-8")
    assert "ExecReload=/bin/kill -HUP $MAINPID" in text
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert int(seconds) > ServeSettings().finish_seconds + 5
