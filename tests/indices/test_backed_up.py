from __future__ import annotations

import json

import pytest

from rag_router.errors import UnavailableError
from rag_router.indices.backed_up import backups_of, forget_backup, note_backup


def test_a_home_knows_where_it_was_backed_up_to_each_folder_once(tmp_path):
    home = tmp_path / "home"
    assert backups_of(home) == []
    for name in ("one", "two", "one"):
        note_backup(home, tmp_path / name)
    assert backups_of(home) == [tmp_path / "one", tmp_path / "two"]


def test_backups_of_backups_are_known_too_and_circles_end(tmp_path):
    home, one, two = (tmp_path / name for name in ("home", "one", "two"))
    note_backup(home, one)
    note_backup(one, two)
    note_backup(two, home)
    assert backups_of(home) == [one, two]


def test_a_folder_that_was_deleted_can_be_forgotten(tmp_path):
    note_backup(tmp_path, tmp_path / "one")
    assert forget_backup(tmp_path, tmp_path / "one")
    assert not forget_backup(tmp_path, tmp_path / "one")
    assert backups_of(tmp_path) == []


@pytest.mark.parametrize("said", ["{", json.dumps({"a": 1}), json.dumps([1])])
def test_a_note_that_cannot_be_read_is_no_empty_one(tmp_path, said):
    (tmp_path / "backups.json").write_text(said)
    with pytest.raises(UnavailableError, match="which says where backups are"):
        backups_of(tmp_path)
