"""What is erased is gone from every file; compaction, clean-up, backup and older formats."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from rag_router.errors import (
    DocumentError,
    IndexCorruptError,
    IndexUnavailableError,
    SettingsError,
    UnavailableError,
    UnknownNameError,
)
from rag_router.indices import Library
from rag_router.indices.manifest import Manifest, _checksum, read_manifest, write_manifest
from rag_router.indices.vectors import Sizes
from rag_router.indices.where import Where

SECRET = "Zanzibar pigeons"


@pytest.fixture
def secret(library, corpus, embedder):
    """An index of two generations, both of which hold a secret."""
    (corpus / "secret.txt").write_text(f"They keep {SECRET} there.")
    library.add("world", [corpus], embedder)
    (corpus / "new.txt").write_text("Something new.")
    library.add("world", [corpus], embedder)
    return library


def ids(library, name="world"):
    return [document.id for document in library.documents(name)]


def files_with(folder: Path, text: str) -> list[str]:
    wanted = [text.encode(), text.split()[0].lower().encode()]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(p) for p in files if any(word in p.read_bytes() for word in wanted)]


def test_what_is_erased_stands_in_no_file_any_more(secret, embedder):
    folder = secret.folder / "world"
    assert len(files_with(folder, SECRET)) >= 4  # passages and terms, of two generations
    erased = secret.erase("world", ["secret.txt"])
    assert (erased.documents, erased.passages, erased.generation) == (
        ("secret.txt",),
        ("secret.txt#0",),
        3,
    )
    assert files_with(folder, SECRET) == []
    assert sorted(p.name for p in (folder / "generations").iterdir()) == ["3"]
    assert ids(secret) == ["paris.txt", "rome.md", "new.txt"]
    index = secret.open("world", embedder)
    assert index.search_terms(["pigeons"], 5) == [[]]
    assert len(index) == 4
    secret.verify("world")


def test_nothing_is_rolled_back_to_what_was_erased(secret, corpus, embedder):
    secret.erase("world", ["secret.txt"])
    with pytest.raises(IndexUnavailableError, match="no older generation"):
        secret.rollback("world")
    (corpus / "more.txt").write_text("More.")
    (corpus / "secret.txt").unlink()
    secret.add("world", [corpus], embedder)
    assert secret.rollback("world").generation == 3


def test_an_erasure_whose_writer_died_before_it_swept_is_finished_by_the_next(
    secret, corpus, embedder, tmp_path
):
    old = secret.folder / "world" / "generations" / "2"
    shutil.copytree(old, tmp_path / "old")
    secret.erase("world", ["secret.txt"])
    shutil.copytree(tmp_path / "old", old)  # as if it had died just then
    with pytest.raises(IndexUnavailableError, match="no older generation"):
        secret.rollback("world")
    (corpus / "secret.txt").unlink()
    assert secret.add("world", [corpus], embedder).generation == 3  # nothing to do but to sweep
    assert files_with(secret.folder / "world", SECRET) == []


def test_an_erased_document_that_is_added_again_is_embedded_again(secret, corpus, embedder):
    secret.erase("world", ["secret.txt"])
    embedder.read.clear()
    assert secret.add("world", [corpus], embedder).added == 1
    assert embedder.read == [f"secret\nThey keep {SECRET} there."]


def test_an_unknown_document_is_an_error_and_nothing_is_erased(secret):
    with pytest.raises(UnknownNameError, match=r"Did you mean 'secret\.txt'"):
        secret.erase("world", ["rome.md", "secrt.txt"])
    assert "rome.md" in ids(secret)
    with pytest.raises(UnknownNameError):
        secret.erase("word", ["rome.md"])


@pytest.mark.parametrize("id_", ["../up", "a/b", "/etc/passwd", "a#1", "*", "ü"])
def test_an_id_may_hold_anything_and_never_names_a_path(library, embedder, write_jsonl, id_):
    path = write_jsonl({"id": id_, "text": "Odd."}, {"id": "b", "text": "Even."})
    library.add("odd", [path], embedder)
    assert library.open("odd").find([f"{id_}#0"])[0].document_id == id_
    before = sorted(p.name for p in library.folder.iterdir())
    library.erase("odd", [id_])
    assert ids(library, "odd") == ["b"]
    assert sorted(p.name for p in library.folder.iterdir()) == before


def test_everything_can_be_erased_and_the_index_be_filled_again(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    library.erase("world", ids(library))
    index = library.open("world", embedder)
    assert (len(index), index.documents(), index.search_terms(["rome"], 3)) == (0, [], [[]])
    assert index.search_vectors(embedder.encode_queries(["rome"]), 3)[1].shape == (1, 0)
    library.verify("world")
    assert library.add("world", [corpus], embedder).added == 2


def test_duplicate_ids_with_other_text_are_refused_together_and_replace_each_other_in_turn(
    library, embedder, write_jsonl
):
    both = write_jsonl({"id": "a", "text": "One."}, {"id": "a", "text": "Two."}, name="both.jsonl")
    with pytest.raises(DocumentError, match="two documents are called 'a' and differ"):
        library.add("same", [both], embedder)
    library.add("same", [write_jsonl({"id": "a", "text": "One."}, name="1.jsonl")], embedder)
    second = write_jsonl({"id": "a", "text": "Two."}, name="2.jsonl")
    assert library.add("same", [second], embedder).replaced == 1
    assert [p.text for d in library.documents("same") for p in d.passages] == ["Two."]


def test_a_removal_leaves_dead_vectors_in_a_graph_that_a_compaction_takes_out(
    tmp_path, embedder, write_jsonl
):
    library = Library(tmp_path / "home", sizes=Sizes(hnsw_above=50, recall=0.9))
    rows = [{"id": str(n), "text": f"Passage number{n} of all."} for n in range(120)]
    library.add("many", [write_jsonl(*rows)], embedder)
    rows[7]["text"] = "Something else altogether."
    report = library.add("many", [write_jsonl(*rows)], embedder)
    assert (report.replaced, report.encoded) == (1, 1)
    index = library.open("many", embedder)
    assert (index.manifest.vectors.kind, index.vectors.dead) == ("hnsw", 1)
    assert index.manifest.vectors.recall_at_10 >= 0.9
    query = embedder.encode_queries(["7\nPassage number7 of all."])
    found = index.passages(index.search_vectors(query, 120)[1][0].tolist())
    assert len({passage.id for passage in found}) == 120
    assert "Passage number7 of all." not in {passage.text for passage in found}
    manifest = library.compact("many")
    again = library.open("many", embedder)
    assert (manifest.passages, again.vectors.dead, manifest.generation) == (120, 0, 3)
    assert sorted(p.name for p in (library.folder / "many" / "generations").iterdir()) == ["3"]
    library.verify("many")


def test_scoped_clean_up_takes_what_is_gone_from_the_paths_given(library, corpus, embedder):
    other = corpus.parent / "other.txt"
    other.write_text("Elsewhere.")
    library.add("world", [corpus, other], embedder)
    (corpus / "paris.txt").unlink()
    assert library.add("world", [corpus], embedder).removed == 0
    report = library.add("world", [corpus], embedder, cleanup="scoped")
    assert (report.removed, report.unchanged, report.generation) == (1, 1, 2)
    assert ids(library) == ["rome.md", "other.txt"]


def test_a_line_that_is_gone_from_its_file_is_within_the_scope(library, embedder, write_jsonl):
    library.add("notes", [write_jsonl(*({"id": i, "text": i} for i in "abc"))], embedder)
    path = write_jsonl(*({"id": i, "text": i} for i in "ac"))
    assert library.add("notes", [path], embedder, cleanup="scoped").removed == 1
    assert ids(library, "notes") == ["a", "c"]


def test_a_folder_whose_name_begins_alike_is_outside_the_scope(library, embedder, tmp_path):
    for name in ("a", "ab"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(name)
        (tmp_path / name / "same.md").write_text("Same.")
    library.add("two", [tmp_path / "a" / "a.txt", tmp_path / "ab"], embedder)
    report = library.add("two", [tmp_path / "a"], embedder, cleanup="scoped")
    assert report.removed == 0
    assert "ab.txt" in ids(library, "two")


def test_here_is_no_scope_for_what_came_from_elsewhere(
    library, corpus, embedder, tmp_path, monkeypatch
):
    library.add("world", [corpus], embedder)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("new.txt").write_text("New.")
    report = library.add("world", [Path()], embedder, cleanup="scoped")
    assert (report.added, report.removed) == (1, 0)
    Path("new.txt").rename("newer.txt")
    report = library.add("world", [Path("../here")], embedder, cleanup="scoped")
    assert (report.added, report.removed) == (1, 1)
    assert ids(library) == ["paris.txt", "rome.md", "newer.txt"]


def test_full_clean_up_leaves_what_is_given_and_nothing_else(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    report = library.add("world", [corpus / "rome.md"], embedder, cleanup="full")
    assert (report.removed, report.unchanged, report.encoded) == (1, 1, 0)
    assert ids(library) == ["rome.md"]
    assert library.rollback("world").documents == 2  # a clean-up is no erasure


def test_what_cannot_be_read_is_not_known_to_be_gone(library, embedder, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "good.jsonl").write_text('{"id": "a", "text": "A."}\n{"id": "b", "text": "B."}\n')
    (folder / "bad.jsonl").write_text('{"id": "c", "text": "C."}\n')
    library.add("notes", [folder], embedder)
    (folder / "good.jsonl").write_text('{"id": "a", "text": "A."}\n')
    (folder / "bad.jsonl").write_text('{"id": \n')
    for cleanup in ("scoped", "full"):
        library.add("notes", [folder], embedder, keep_going=True, cleanup=cleanup)
        assert sorted(ids(library, "notes")) == ["a", "c"]


def test_a_backup_opens_like_the_index_and_can_be_brought_back(library, corpus, embedder, tmp_path):
    library.add("world", [corpus], embedder)
    copied = library.backup("world", tmp_path / "safe")
    there = Library(tmp_path / "safe")
    assert (ids(there), copied.passages) == (["paris.txt", "rome.md"], 3)
    np.testing.assert_array_equal(
        there.open("world", embedder).vectors_of(range(3)),
        library.open("world").vectors_of(range(3)),
    )
    (corpus / "new.txt").write_text("New.")
    library.add("world", [corpus], embedder)
    assert library.restore("world", tmp_path / "safe").generation == 3
    assert ids(library) == ["paris.txt", "rome.md"]
    assert library.rollback("world").documents == 3
    library.remove("world")
    assert library.restore("world", tmp_path / "safe").generation == 1
    library.verify("world")


def test_a_second_backup_keeps_the_first_to_go_back_to(library, corpus, embedder, tmp_path):
    library.add("world", [corpus], embedder)
    library.backup("world", tmp_path / "safe")
    (corpus / "new.txt").write_text("New.")
    library.add("world", [corpus], embedder)
    assert library.backup("world", tmp_path / "safe").generation == 2
    assert Library(tmp_path / "safe").rollback("world").documents == 2


def test_backups_that_cannot_be_are_errors(library, corpus, embedder, tmp_path):
    library.add("world", [corpus], embedder)
    with pytest.raises(SettingsError, match="where the index itself lies"):
        library.backup("world", tmp_path / "home")
    with pytest.raises(IndexUnavailableError, match="no backup of an index named 'world'"):
        library.restore("world", tmp_path / "nowhere")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnavailableError):
        library.backup("world", tmp_path / "file")
    library.backup("world", tmp_path / "safe")
    generation = tmp_path / "safe" / "indices" / "world" / "generations" / "1"
    (generation / "passages.sqlite").write_bytes(b"else")
    with pytest.raises(IndexCorruptError, match=r"passages\.sqlite"):
        library.restore("world", tmp_path / "safe")
    assert library.manifest("world").generation == 1


def as_format_1(folder: Path) -> None:
    """Make of a generation what the first format was: no terms, and no word of how it searches."""
    body = read_manifest(folder).model_dump()
    del body["files"]["terms.safetensors"]
    (folder / "terms.safetensors").unlink()
    old = Manifest.model_validate(body | {"format": 1, "terms": ""})
    write_manifest(folder, old)
    # Keys that the first format did not have; the checksum is over what stands there.
    path = folder / "manifest.json"
    body = json.loads(path.read_text())
    for key in ("searched", "terms", "vectors", "erasure", "checksum"):
        del body[key]
    path.write_text(json.dumps(body | {"checksum": _checksum(body)}))


def test_an_index_of_the_first_format_is_read_and_comes_into_the_newest(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    newest = library.open("world", embedder).search_terms(["capital of France"], 3)
    as_format_1(library.folder / "world" / "generations" / "1")
    index = library.open("world", embedder)
    assert (index.manifest.format, index.manifest.terms, index.manifest.vectors.kind) == (
        (1, "", "flat")
    )
    assert index.search_terms(["capital of France"], 3) == newest
    assert len(index.where(Where.written(["title=Rome"]))) == 2
    library.verify("world")
    assert library.compact("world").format == 2
    assert library.open("world", embedder).search_terms(["capital of France"], 3) == newest


def test_terms_of_another_version_are_not_read_but_made_anew(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    folder = library.folder / "world" / "generations" / "1"
    manifest = read_manifest(folder)
    write_manifest(folder, manifest.model_copy(update={"terms": "words-0"}))
    index = library.open("world", embedder)
    assert [hit.row for hit in index.search_terms(["capitals"], 3)[0]] == [0, 1]


REAL = os.environ.get("RAG_ROUTER_OLD_INDICES", "")


@pytest.mark.skipif(not REAL, reason="RAG_ROUTER_OLD_INDICES names no folder of older indices")
def test_older_indices_open(tmp_path):
    shutil.copytree(REAL, tmp_path / "indices")
    library = Library(tmp_path)
    for name in library.names():
        library.verify(name)
        assert library.open(name).search_terms(["the first of them"], 3)
