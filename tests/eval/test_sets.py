from __future__ import annotations

from pathlib import Path

import pytest

from rag_router.eval.sets import set_name, set_names


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/popqa/sample.jsonl.gz", "popqa"),
        ("popqa/sample.jsonl", "popqa"),
        ("sample.jsonl.gz", "sample"),
    ],
)
def test_a_set_is_called_after_its_folder_or_else_its_file(path, name):
    assert set_name(Path(path)) == name


def test_a_set_that_is_a_folder_is_called_like_it(tmp_path):
    (tmp_path / "nq").mkdir()
    assert set_name(tmp_path / "nq") == "nq"


def test_sets_of_one_folder_are_told_apart_by_their_files():
    sources = ("a/nq/dev.jsonl", "a/nq/test.jsonl.gz", "a/popqa/dev.jsonl", "hf:org/name")
    assert set_names(sources) == {
        "a/nq/dev.jsonl": "nq/dev",
        "a/nq/test.jsonl.gz": "nq/test",
        "a/popqa/dev.jsonl": "popqa",
        "hf:org/name": "hf:org/name",
    }


def test_sets_that_are_called_alike_throughout_are_numbered():
    sources = ("old/nq/dev.jsonl", "new/nq/dev.jsonl")
    assert list(set_names(sources).values()) == ["nq/dev/1", "nq/dev/2"]
