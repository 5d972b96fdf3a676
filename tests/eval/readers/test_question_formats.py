from __future__ import annotations

import gzip
import json
import re
from codecs import BOM_UTF8

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError, UnknownNameError
from rag_router.eval.readers import FORMATS, find_format, read_file, read_qrels, read_run

LINE = '{"id": "1", "question": "wer ärgert?", "answers": ["a"]}\n'
BEGINNINGS = {
    "mrqa": b'{"header": {}}\n',
    "popqa": b"id\tquestion\tpossible_answers\n",
    "trec": b"<top>\n<num> 1\n<title> a\n</top>\n",
}
DOCUMENTS = {"squad", "triviaqa"}

LAYOUTS = " ".join(one.layout for one in FORMATS.values())
KEYS = st.sampled_from(
    ["query_id", "doc_id", "relevance", "choices", "header", *re.findall(r'"(\w+)"', LAYOUTS)]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=8).map(lambda row: json.dumps(row).encode())


def consume(path, read) -> str | None:
    """What is wrong with a file; anything but a DataError goes through."""
    try:
        found = read(path)
        list(found)
    except DataError as exc:
        return exc.message
    return None


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("formats")


@pytest.mark.parametrize("name", FORMATS)
@given(raw=st.binary(max_size=80) | OBJECTS | st.text(max_size=40).map(str.encode))
def test_a_line_of_anything_is_read_or_named_and_nothing_else(place, name, raw):
    path = place / f"{name}.jsonl"
    beginning = BEGINNINGS.get(name, b"")
    path.write_bytes(beginning + raw)
    number = beginning.count(b"\n") + 1
    for said in (consume(path, lambda p: read_file(p, name)), consume(path, read_file)):
        assert said is None or said.startswith(str(path))
        if said and beginning and name not in DOCUMENTS and b"\n" not in raw:
            assert f"{path}:{number}" in said


@pytest.mark.parametrize("name", sorted(set(FORMATS) - DOCUMENTS - {"trec"}))
@given(raw=st.text('abc{}[]":,0x\\', min_size=1))
def test_a_line_that_is_no_row_is_named_by_file_and_line(place, name, raw):
    path = place / f"{name}.jsonl"
    beginning = BEGINNINGS.get(name, b"\n")
    path.write_bytes(beginning + raw.encode() + b"\n")
    number = beginning.count(b"\n") + 1
    assert consume(path, lambda p: read_file(p, name)).startswith(f"{path}:{number}: ")


@pytest.mark.parametrize("read", [read_qrels, read_run])
@given(raw=st.binary(max_size=60) | OBJECTS | st.lists(KEYS).map(" ".join).map(str.encode))
def test_judgements_and_runs_of_anything_are_read_or_named(place, read, raw):
    path = place / "lines"
    path.write_bytes(raw)
    said = consume(path, read)
    assert said is None or said.startswith(str(path))


def test_a_byte_order_mark_and_other_line_ends_do_no_harm(tmp_path):
    plain, marked = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    other = LINE.replace('"1"', '"2"')
    plain.write_text(LINE + other, encoding="utf-8")
    marked.write_bytes(BOM_UTF8 + (LINE + other).replace("\n", "\r\n").encode())
    assert list(read_file(plain)) == list(read_file(marked))


def test_a_line_is_cut_at_line_feeds_alone(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "question": "a\u2028b\x85c"}\n', encoding="utf-8")
    assert [q.text for q in read_file(path)] == ["a\u2028b\x85c"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\xff\xfe{\x00", "iconv -f UTF-16"),
        (LINE.encode() + b'{"id": "\xe4"}', "iconv -f ISO-8859-1"),
        (b'{"id": "1", "question": "\\ud83d"}', "half a character"),
        (b'{"id": "1", "question": "a", "meta": {"x": NaN}}', "NaN is not JSON"),
        (b'{"id": 1' + b"0" * 5000 + b', "question": "a"}', "not JSON"),
        (b'{"question": ' + b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_utf_8_or_no_json_proper_says_so(tmp_path, raw, said):
    path = tmp_path / "a.jsonl"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=said):
        list(read_file(path))


def test_an_escaped_pair_is_a_character_like_any_other(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "question": "\\ud83d\\ude00?"}\n')
    assert [q.text for q in read_file(path)] == ["😀?"]


def test_an_unknown_layout_lists_what_was_seen_and_what_is_known(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "a", "completion": {"text": "b"}}\n')
    with pytest.raises(DataError) as caught:
        find_format(path)
    assert "saw an object with the keys completion, prompt" in caught.value.message
    assert all(f"{name}: " in caught.value.hint for name in FORMATS)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "[1]", "a first line of '[1]'"),
        ("a.csv", "id,question\n", "a first line of 'id,question'"),
        ("a.json", " \n", "nothing but blank lines"),
        ("a.tsv", "a\tb\tc\n", "a first line of"),
    ],
)
def test_another_file_shows_its_first_line(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        find_format(path)
    assert said in caught.value.message


def test_only_keys_of_the_first_object_count_however_it_is_written(tmp_path):
    path = tmp_path / "a.json.gz"
    text = '\n{\n "version": "{\\"Data\\": [",\n "data": [{"Data": 1, "header": {}}]}'
    path.write_bytes(gzip.compress(text.encode()))
    assert find_format(path) == "squad"


def test_a_format_may_be_named_and_must_be_known(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "question": "a", "answer": "b", "answers": ["c"]}\n')
    assert [q.answers for q in read_file(path)] == [("c",)]
    assert [q.answers for q in read_file(path, "nq_open")] == [("b",)]
    with pytest.raises(UnknownNameError, match="Did you mean 'nq_open'"):
        read_file(path, "nqopen")
