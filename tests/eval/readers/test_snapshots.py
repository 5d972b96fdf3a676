from __future__ import annotations

import os
from hashlib import sha256

import pytest

from rag_router.errors import DataError
from rag_router.eval.readers import snapshot


def test_a_snapshot_says_size_time_and_hash(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"abc")
    os.utime(path, ns=(5, 7_000_000_000))
    (taken,) = snapshot([path])
    assert (taken.path, taken.size, taken.mtime_ns) == (path, 3, 7_000_000_000)
    assert taken.sha256 == sha256(b"abc").hexdigest()
    taken.verify()


def test_a_change_is_found_even_where_size_and_time_stay(tmp_path):
    path, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    path.write_bytes(b"abc")
    other.write_bytes(b"abc")
    changed, kept = snapshot([path, other])
    path.write_bytes(b"abd")
    os.utime(path, ns=(changed.mtime_ns, changed.mtime_ns))
    kept.verify()
    with pytest.raises(DataError, match=f"{path} has changed since it was read"):
        changed.verify()


def test_a_file_that_was_only_touched_is_the_same(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"abc")
    (taken,) = snapshot([path])
    os.utime(path, ns=(1, 1))
    taken.verify()


def test_a_file_that_is_gone_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    with pytest.raises(DataError, match=f"{path} cannot be read"):
        snapshot([path])
    path.write_bytes(b"")
    (taken,) = snapshot([path])
    path.unlink()
    with pytest.raises(DataError, match=f"{path} cannot be read"):
        taken.verify()


def test_a_folder_stands_for_all_its_files(tmp_path):
    (tmp_path / "qrels").mkdir()
    for name in ("qrels/test.tsv", "queries.jsonl"):
        (tmp_path / name).write_bytes(name.encode())
    assert [taken.path.name for taken in snapshot([tmp_path])] == ["test.tsv", "queries.jsonl"]
