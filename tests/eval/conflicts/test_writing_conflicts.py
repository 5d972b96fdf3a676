from __future__ import annotations

import gzip
import json

import pytest

from rag_router.errors import UsageError
from rag_router.eval.conflicts import check_free, write_rows

ROWS = [{"id": "1", "question": "Où?"}, {"id": "2", "question": "\ud800"}]


def test_rows_are_lines_compressed_where_the_name_says_so(tmp_path):
    plain, packed = tmp_path / "new" / "a.jsonl", tmp_path / "a.jsonl.gz"
    write_rows(plain, ROWS)
    write_rows(packed, ROWS)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    lines = plain.read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == ROWS
    assert "Où?".encode() in lines[0]
    assert [path.name for path in sorted(tmp_path.rglob("*.jsonl*"))] == ["a.jsonl.gz", "a.jsonl"]


def test_the_same_rows_make_the_same_bytes(tmp_path):
    one, other = tmp_path / "one.gz", tmp_path / "other.gz"
    write_rows(one, ROWS)
    write_rows(other, ROWS)
    assert one.read_bytes() == other.read_bytes()


def test_a_file_is_overwritten_only_when_told(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("kept")
    for attempt in (lambda: check_free(path, force=False), lambda: write_rows(path, ROWS)):
        with pytest.raises(UsageError, match="exists") as caught:
            attempt()
        assert "--force" in caught.value.hint
    assert path.read_text() == "kept"
    check_free(path, force=True)
    write_rows(path, ROWS, force=True)
    assert len(path.read_bytes().splitlines()) == 2


def test_a_folder_is_never_overwritten(tmp_path):
    with pytest.raises(UsageError, match="is a folder"):
        check_free(tmp_path, force=True)


def test_what_fails_half_way_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a.jsonl"

    def rows():
        yield ROWS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(path, rows())
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UsageError, match=r"a\.jsonl cannot be written"):
        write_rows(blocked / "a.jsonl", ROWS)
