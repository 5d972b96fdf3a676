from __future__ import annotations

import pytest

from rag_router.indices.documents import Document, Section
from rag_router.indices.library import Library
from rag_router.indices.trust import IndexTrust
from rag_router.models.scripted_embedder import HashingEmbedder

EMBEDDER = HashingEmbedder()


def document(id_):
    section = Section(title=id_, text=f"This is {id_}.")
    return Document(id=id_, title=id_, source=id_, sections=(section,))


@pytest.fixture
def library(tmp_path):
    made = Library(tmp_path)
    for name, uploaded in (("handbook", False), ("inbox", True)):
        made.put(name, [document("a"), document("b")], EMBEDDER, uploaded=uploaded)
    return made


def trust_of(library, named=None, uploads=0.25):
    indexes = {name: library.open(name) for name in library.names()}
    return IndexTrust(named or {}, uploads=uploads, indexes=indexes)


def test_what_came_over_the_api_is_trusted_as_uploads_are(library):
    trust = trust_of(library)
    assert (trust["handbook"], trust["inbox"]) == (1.0, 0.25)
    assert dict(trust) == {"inbox": 0.25}


def test_what_the_settings_say_of_an_index_counts_whatever_it_holds(library):
    trust = trust_of(library, {"inbox": 1.0, "handbook": 0.5})
    assert dict(trust) == {"inbox": 1.0, "handbook": 0.5}


def test_passages_that_came_with_the_question_are_no_uploads(library):
    assert trust_of(library).get("given", 1.0) == 1.0
    assert trust_of(library, {"given": 0.5})["given"] == 0.5


def test_an_index_that_is_gone_is_not_trusted(library):
    assert trust_of(library)["gone"] == 0.25


def test_one_upload_is_enough_and_is_not_forgotten_by_what_comes_after(library):
    library.put("handbook", [document("c")], EMBEDDER, uploaded=True)
    assert trust_of(library)["handbook"] == 0.25
    for change in (
        lambda: library.erase("handbook", ["c"]),
        lambda: library.compact("handbook"),
        lambda: library.put("handbook", [document("d")], EMBEDDER),
    ):
        change()
        assert trust_of(library)["handbook"] == 0.25


def test_who_goes_back_behind_the_first_upload_trusts_again(library):
    library.put("handbook", [document("c")], EMBEDDER, uploaded=True)
    library.rollback("handbook")
    assert trust_of(library)["handbook"] == 1.0


def test_a_backup_is_trusted_as_what_was_backed_up(library, tmp_path):
    library.backup("inbox", tmp_path / "backup")
    copy = Library(tmp_path / "other")
    copy.restore("inbox", tmp_path / "backup")
    assert trust_of(copy)["inbox"] == 0.25
