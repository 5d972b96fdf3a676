from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from rag_router.errors import DocumentError
from rag_router.indices.documents import Section
from rag_router.indices.readers import read_paths
from rag_router.settings import DocumentSettings


def test_a_folder_is_read_in_the_order_of_names_with_paths_as_ids(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.txt").write_text("second")
    (tmp_path / "a.TXT").write_text("first")
    (tmp_path / "c.jsonl").write_text('{"id": "own", "text": "third"}\n')
    documents, _ = read_paths([tmp_path])
    assert [d.id for d in documents] == ["a.TXT", "b/two.txt", "own"]
    assert [d.title for d in documents] == ["a", "two", ""]
    assert documents[2].source == f"{tmp_path / 'c.jsonl'}:1"


def test_hidden_files_are_skipped_and_other_kinds_are_counted(tmp_path):
    for name in ("x.odt", "y.ODT", "noending", ".hidden.txt", "kept.txt"):
        (tmp_path / name).write_text("text")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config.txt").write_text("text")
    documents, skipped = read_paths([tmp_path])
    assert [d.id for d in documents] == ["kept.txt"]
    assert [(s.reason.split(":")[0], s.count) for s in skipped] == [("no ending", 1), (".odt", 2)]


def test_the_readme_of_a_folder_is_passed_over_unless_it_is_named(tmp_path):
    (tmp_path / "README.md").write_text("# About")
    (tmp_path / "README.md").write_text("# About\n\nThis folder.")
    (tmp_path / "a.txt").write_text("text")
    documents, skipped = read_paths([tmp_path])
    assert [d.id for d in documents] == ["a.txt"]
    assert [s.reason for s in skipped] == ["describes its folder"]
    documents, _ = read_paths([tmp_path / "README.md"])
    assert [d.title for d in documents] == ["About"]


def test_a_byte_order_mark_is_accepted_and_line_ends_are_normalised(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree")
    documents, _ = read_paths([tmp_path / "a.txt"])
    assert documents[0].sections[0].text == "one\ntwo\nthree"


def test_another_encoding_is_read_and_told(tmp_path):
    (tmp_path / "a.txt").write_bytes("café noir".encode("cp1252"))
    (tmp_path / "b.md").write_bytes("# Рим\n\nСтолица Италии.".encode("utf-16"))
    documents, _ = read_paths([tmp_path])
    assert [d.sections[0].text.strip() for d in documents] == ["café noir", "Столица Италии."]
    assert [d.meta for d in documents] == [{"encoding": "cp1252"}, {"encoding": "utf-16"}]


def test_gzipped_json_lines_are_read_and_other_keys_join_meta(tmp_path):
    path = tmp_path / "c.jsonl.gz"
    row = {"id": 7, "title": None, "text": "Rome", "meta": {"a": 1}, "url": "u"}
    path.write_bytes(gzip.compress(b"\n" + json.dumps(row).encode() + b"\n"))
    documents, _ = read_paths([path])
    assert (documents[0].id, documents[0].title, documents[0].source) == ("7", "", f"{path}:2")
    assert documents[0].meta == {"a": 1, "url": "u"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"id": "b", "text": ', "not JSON"),
        (b"[1, 2]", "[1, 2] instead of an object"),
        (b'{"text": "no id"}', "no 'id'"),
        (b'{"id": "  ", "text": "x"}', "'id' is empty"),
        (b'{"id": true, "text": "x"}', "'id' is true, not text"),
        (b'{"id": "b"}', "no 'text'"),
        (b'{"id": "b", "text": 5}', "'text' is 5, not text"),
        (b'{"id": "b", "text": "x", "meta": []}', "'meta' is [], not an object"),
        (b'{"id": "b", "text": "x", "meta": {"a": NaN}}', "NaN is not JSON"),
        (b'{"id": "b", "text": "half \\ud800"}', "half a character"),
        (b'{"id": "b", "text": "caf\xe9"}', "at offset 51"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_malformed_line_is_an_error_that_names_file_and_line(tmp_path, line, said):
    path = tmp_path / "c.jsonl"
    # The first line has 26 bytes and the second is blank: 26 + 1 + 24 = 51 for the bad byte.
    path.write_bytes(b'{"id": "a", "text": "ok"}\n\n' + line + b"\n")
    with pytest.raises(DocumentError) as caught:
        read_paths([path])
    assert caught.value.message.startswith(f"{path}:3")
    assert said in caught.value.message
    assert caught.value.hint


def test_a_truncated_gzip_file_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "c.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": "a", "text": "' + os.urandom(99).hex().encode())[:-20])
    with pytest.raises(DocumentError, match=r"c\.jsonl\.gz cannot be read"):
        read_paths([path])


def test_a_file_that_is_no_gzip_file_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "c.jsonl.gz"
    path.write_text('{"id": "a", "text": "plain"}')
    with pytest.raises(DocumentError, match=r"c\.jsonl\.gz cannot be read"):
        read_paths([path])


def test_the_same_id_with_other_text_is_an_error_that_names_both_places(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text('{"id": "a", "text": "one"}\n{"id": "a", "text": "two"}\n')
    with pytest.raises(DocumentError) as caught:
        read_paths([path])
    assert f"{path}:1 and {path}:2" in caught.value.message


def test_the_same_document_twice_is_read_once(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text('{"id": "a", "text": "one"}\n' * 2)
    documents, skipped = read_paths([path, path])
    assert [d.id for d in documents] == ["a"]
    assert [s.place for s in skipped] == [f"{path}:2"]


def test_blank_documents_are_passed_over_with_a_notice(tmp_path):
    for name, text in (("empty.txt", ""), ("white.txt", " \n\t\u00a0"), ("full.txt", "x")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "headings.md").write_text("# Only\n\n## Headings\n")
    documents, skipped = read_paths([tmp_path])
    assert [d.id for d in documents] == ["full.txt"]
    assert [Path(s.place).name for s in skipped] == ["empty.txt", "headings.md", "white.txt"]
    assert {s.reason for s in skipped} == {"holds no text"}


def test_a_folder_with_nothing_to_index_is_an_error_that_says_what_was_seen(tmp_path):
    with pytest.raises(DocumentError, match=r"nothing to index in .*\.txt, \.md"):
        read_paths([tmp_path])
    (tmp_path / "a.odt").write_text("x")
    with pytest.raises(DocumentError, match=r"1 x \.odt"):
        read_paths([tmp_path])


def test_a_path_that_is_not_there_or_of_no_readable_kind_is_an_error(tmp_path):
    with pytest.raises(DocumentError, match=r"missing\.txt does not exist"):
        read_paths([tmp_path / "missing.txt"])
    (tmp_path / "a.odt").write_text("x")
    with pytest.raises(DocumentError, match=r"Kinds: \.txt, \.md, .*\.jsonl, \.jsonl\.gz"):
        read_paths([tmp_path / "a.odt"])


def test_a_link_out_of_the_given_paths_is_refused(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(DocumentError, match=r"link\.txt is a symbolic link that leads out"):
        read_paths([folder])
    documents, _ = read_paths([folder, tmp_path / "secret.txt"])
    assert [d.id for d in documents] == ["link.txt", "secret.txt"]


def test_a_linked_folder_out_of_the_given_paths_is_refused(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "link").symlink_to(tmp_path / "outside", target_is_directory=True)
    with pytest.raises(DocumentError, match="leads out"):
        read_paths([tmp_path / "corpus"])


def test_a_link_to_a_folder_inside_is_not_walked_twice_nor_for_ever(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("x")
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    documents, _ = read_paths([tmp_path])
    assert [d.id for d in documents] == ["sub/a.txt"]


def test_links_that_lead_nowhere_or_in_a_circle_are_errors(tmp_path):
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone.txt")
    with pytest.raises(DocumentError, match="does not exist"):
        read_paths([tmp_path])
    (tmp_path / "gone.txt").symlink_to(tmp_path / "a.txt")
    with pytest.raises(DocumentError, match="does not exist"):
        read_paths([tmp_path])


def test_the_passage_of_a_document_without_text_is_its_title(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text('{"id": "a", "title": "On Trees", "text": " "}\n{"id": "b", "text": ""}\n')
    documents, skipped = read_paths([path])
    assert [(d.id, d.title, d.sections) for d in documents] == [
        ("a", "On Trees", (Section(title="", text="On Trees"),))
    ]
    assert [(s.place, s.reason) for s in skipped] == [(f"{path}:2", "holds no text")]


def test_of_a_test_collection_only_the_corpus_is_read(tmp_path):
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\td\t1\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "What is it?"}\n')
    row = {"_id": "d", "title": "T", "text": "It.", "metadata": {"year": 1999}}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(row) + "\n")
    documents, skipped = read_paths([tmp_path])
    assert [(d.id, d.title, d.meta) for d in documents] == [("d", "T", {"year": 1999})]
    assert [Path(s.place).name for s in skipped] == ["qrels", "queries.jsonl"]
    # A corpus without queries is a file like any other.
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "corpus.jsonl").write_text('{"_id": "e", "text": "x"}\n')
    (tmp_path / "plain" / "more.txt").write_text("y")
    assert [d.id for d in read_paths([tmp_path / "plain"])[0]] == ["e", "more.txt"]


@pytest.mark.parametrize("id_", ["../../etc/passwd", "/etc/passwd", "a/b#c", "..", "C:\\x", "a\nb"])
def test_an_id_with_path_characters_is_an_id_like_any_other(tmp_path, id_):
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"id": id_, "text": "x"}) + "\n")
    assert [d.id for d in read_paths([path])[0]] == [id_]


def test_an_id_with_a_null_character_is_an_error(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"id": "a\0b", "text": "x"}) + "\n")
    with pytest.raises(DocumentError, match="'id' holds a null character"):
        read_paths([path])


def test_a_packed_file_that_unpacks_beyond_measure_is_refused(tmp_path):
    path = tmp_path / "c.jsonl.gz"
    # 70 lines of 1 MiB pass the 64 MiB that are always allowed, and pack about a thousand times.
    line = b'{"id": "a", "text": "%s"}\n' % (b"x" * 2**20)
    path.write_bytes(gzip.compress(line * 70))
    with pytest.raises(DocumentError, match="unpacks to more than 200 times its size"):
        read_paths([path])


def test_a_file_that_is_too_large_is_refused_unless_it_is_read_by_lines(tmp_path):
    limits = DocumentSettings(file_mb=1)
    (tmp_path / "a.txt").write_text("x" * (2**20 + 1))
    with pytest.raises(DocumentError, match=r"a\.txt has 1\.0 MiB, more than 1"):
        read_paths([tmp_path], limits=limits)
    (tmp_path / "a.txt").unlink()
    (tmp_path / "a.jsonl").write_text('{"id": "a", "text": "%s"}\n' % ("x" * 2**20))
    assert len(read_paths([tmp_path], limits=limits)[0]) == 1


def test_what_is_broken_is_left_out_whole_and_reported_when_told_to_keep_going(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("kept")
    (folder / "b.jsonl").write_text('{"id": "1", "text": "fine"}\n{"id": "2"}\n')
    (folder / "c.jsonl").write_text('{"id": "a.txt", "text": "another a"}\n')
    (folder / "d.txt").symlink_to(tmp_path / "outside.txt")
    (tmp_path / "outside.txt").write_text("secret")
    with pytest.raises(DocumentError):
        read_paths([folder])
    documents, skipped = read_paths([folder], keep_going=True)
    assert [d.id for d in documents] == ["a.txt"]
    assert {Path(s.place.partition(":")[0]).name: s.reason for s in skipped if s.broken} == {
        "b.jsonl": f"{folder / 'b.jsonl'}:2: no 'text'.",
        "c.jsonl": (
            f"two documents are called 'a.txt' and differ: {folder / 'a.txt'} and "
            f"{folder / 'c.jsonl'}:1."
        ),
        "d.txt": (
            f"{folder / 'd.txt'} is a symbolic link that leads out of the paths given, "
            f"to {tmp_path / 'outside.txt'}."
        ),
    }
    # What was named and is not there was not meant.
    with pytest.raises(DocumentError, match="does not exist"):
        read_paths([tmp_path / "missing"], keep_going=True)
