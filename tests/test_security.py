"""SECURITY.md names tests that are there, and the hashed pins are those of the constraints."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+)::(\w+)`", TEXT)))


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda one: one)
def test_every_test_that_is_named_exists(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_one_of_the_ten_risks_has_a_control_with_a_test_and_what_is_left():
    sections = re.split(r"^### (LLM\d\d) ", TEXT, flags=re.MULTILINE)[1:]
    risks = dict(zip(sections[::2], sections[1::2], strict=True))
    assert list(risks) == [f"LLM{number:02}" for number in range(1, 11)]
    for said in risks.values():
        assert "::test_" in said
        assert re.search(r"\bLeft: ", said)


def test_every_hashed_pin_is_that_of_the_constraints():
    pins = dict(re.findall(r"^([\w.-]+)==([\w.+!]+)$", _read("constraints.txt"), re.MULTILINE))
    pinned = {normal(name): version for name, version in pins.items()}
    locked = re.findall(
        r"^([\w.-]+)==([\w.+!]+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$",
        re.sub(r" ; .*?(?= \\)|\[[\w,]+\](?===)", "", _read("requirements.lock")),
        re.MULTILINE,
    )
    assert len(locked) == len(re.findall(r"^\S+==", _read("requirements.lock"), re.MULTILINE))
    both = {name: version for name, version, _ in locked if normal(name) in pinned}
    # Libraries for GPUs and for other systems stand beside them.
    assert len(both) > 100
    assert {name: pinned[normal(name)] for name in both} == both


def test_no_file_of_pins_names_where_packages_come_from():
    for name in ("constraints.txt", "requirements.lock"):
        assert "://" not in _read(name)


def _read(name):
    return (ROOT / name).read_text(encoding="utf-8")
