"""What a job asks, out of files as people have them."""

from __future__ import annotations

import gzip
import json

import pytest
from batch_stand_ins import written

from rag_router.batch import Selection, items_of_documents, read_items
from rag_router.batch.reading import files_of
from rag_router.errors import DataError, UnknownKindError, UsageError


def asked(path):
    return [(item.id, item.question and item.question.text) for item in read_items([path])()]


@pytest.mark.parametrize(
    ("row", "id_"),
    [
        ({"id": "a", "question": "Who?"}, "a"),
        ({"_id": "b", "text": "Who?", "metadata": {}}, "b"),
        ({"id": 7, "input": "Who?", "output": []}, "7"),
        ({"id": "c", "question": "Who?", "golden_answers": ["He"]}, "c"),
        ({"question": "Who?"}, "some:1"),
    ],
    ids=["ours", "beir", "kilt", "flashrag", "without an id"],
)
def test_questions_are_read_as_each_collection_writes_them(tmp_path, row, id_):
    assert asked(written(tmp_path / "some.jsonl", [row])) == [(id_, "Who?")]


def test_packed_lines_tables_texts_and_parquet_are_read_alike(tmp_path):
    row = {"id": "a", "question": "Who, really?"}
    packed = tmp_path / "one.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(row).encode()))
    comma = tmp_path / "two.csv"
    comma.write_text('ID,Question\na,"Who, really?"\n')
    spreadsheet = tmp_path / "three.csv"
    spreadsheet.write_bytes("id;question\na;Who, really?\n".encode("utf-8-sig"))
    tabs = tmp_path / "four.tsv"
    tabs.write_text("id\tquestion\na\tWho, really?\n")
    for path in (packed, comma, spreadsheet, tabs):
        assert asked(path) == [("a", "Who, really?")]
    text = tmp_path / "five.txt"
    text.write_text("Who, really?\n\n")
    assert asked(text) == [("five:1", "Who, really?")]
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "six.parquet")
    assert asked(tmp_path / "six.parquet") == [("a", "Who, really?")]


def test_passages_come_with_their_question_also_in_the_cell_of_a_table(tmp_path):
    contexts = [{"id": "p", "title": "T", "text": "One."}, "Two."]
    lines = written(tmp_path / "a.jsonl", [{"question": "Who?", "contexts": contexts}])
    table = tmp_path / "b.csv"
    cell = json.dumps(contexts).replace('"', '""')
    table.write_text(f'question,contexts\nWho?,"{cell}"\n')
    for path in (lines, table):
        (item,) = read_items([path])()
        said = [(one.id, one.title, one.text) for one in item.question.contexts]
        assert said == [("p", "T", "One."), ("2", "", "Two.")]


def test_a_line_that_cannot_be_read_says_why_and_the_others_are_asked(tmp_path):
    path = tmp_path / "q.jsonl"
    good = b'{"id": "a", "question": "Who?"}\n'
    path.write_bytes(
        good
        + b'{"id": "b", "question": "caf\xe9?"}\n'  # Latin-1 among UTF-8
        + b'{"id": "c", "question": 5}\n'
        + b"[1]\n"
        + b'{"id": "d", "question": "half a \\ud800 character"}\n'
        + b'{"id": "e", "quest'  # cut off
    )
    items = list(read_items([path])())
    assert [(item.id, item.question is None) for item in items] == [
        ("a", False),
        ("q:2", True),
        ("q:3", True),
        ("q:4", True),
        ("q:5", True),
        ("q:6", True),
    ]
    told = [item.trouble.message for item in items[1:]]
    for said, part in zip(
        told,
        ["0xe9", "5 in the place of a question", "instead of an object", "half a", "not JSON"],
        strict=True,
    ):
        assert part in said


def test_an_id_that_stands_twice_is_wrong_with_the_second_line(tmp_path):
    path = written(tmp_path / "q.jsonl", [{"id": "a", "question": q} for q in ("Who?", "Why?")])
    first, second = read_items([path])()
    assert (first.id, first.trouble, second.id) == ("a", None, "a#2")
    assert "'a' stands twice" in second.trouble.message


def test_a_file_that_is_no_file_of_questions_is_refused_whole(tmp_path):
    wide = tmp_path / "q.jsonl"
    wide.write_bytes('{"question": "Who?"}'.encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16"):
        list(read_items([wide])())
    cut = tmp_path / "q.jsonl.gz"
    cut.write_bytes(gzip.compress(b'{"question": "Who?"}\n' * 1000)[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        list(read_items([cut])())
    with pytest.raises(UnknownKindError, match="nothing here reads"):
        list(read_items([tmp_path / "q.pdf"])())


def test_names_globs_and_folders_are_files_each_once(tmp_path):
    for name in ("b.jsonl", "a.jsonl", "c.csv", "notes.md"):
        (tmp_path / name).write_text("")
    named = [str(tmp_path / "a.jsonl"), str(tmp_path / "*.jsonl"), str(tmp_path)]
    assert [path.name for path in files_of(named)] == ["a.jsonl", "b.jsonl", "c.csv"]
    with pytest.raises(UsageError, match="no file"):
        files_of([str(tmp_path / "*.parquet")])


def numbers(tmp_path, **wanted):
    path = written(tmp_path / "q.jsonl", [{"id": str(n), "question": "Who?"} for n in range(10)])
    return [int(item.id) for item in Selection(**wanted).choose(read_items([path]))()]


def test_a_limit_takes_the_first_and_shards_are_disjoint_and_everything(tmp_path):
    assert numbers(tmp_path, limit=3) == [0, 1, 2]
    assert numbers(tmp_path, shard=(2, 3)) == [1, 4, 7]
    assert numbers(tmp_path, shard=(2, 3), limit=2) == [1, 4]
    parts = [numbers(tmp_path, shard=(n, 3), shuffle_seed=5) for n in (1, 2, 3)]
    assert sorted(number for part in parts for number in part) == list(range(10))
    assert all(part == sorted(part) for part in parts)


def test_a_shuffle_draws_others_and_the_same_ones_each_time(tmp_path):
    drawn = numbers(tmp_path, limit=4, shuffle_seed=1)
    assert len(set(drawn)) == 4
    assert drawn == numbers(tmp_path, limit=4, shuffle_seed=1) == sorted(drawn)
    assert drawn != [0, 1, 2, 3]


@pytest.mark.parametrize("shard", [(0, 3), (4, 3), (1, 0)])
def test_a_shard_that_cannot_be_is_refused(shard):
    with pytest.raises(UsageError, match="no shard"):
        Selection(shard=shard)


def test_every_question_is_asked_of_every_document_which_is_its_only_context(tmp_path):
    questions = written(
        tmp_path / "q.jsonl", [{"id": "who", "question": "Who?"}, "broken", {"question": "Why?"}]
    )
    long = " ".join(f"Sentence number {n} says a few more words." for n in range(60))
    corpus = written(
        tmp_path / "docs.jsonl",
        [{"_id": "x", "title": "X", "text": "Short."}, {"id": "y", "text": long}, {"id": "z"}],
    )
    items = list(items_of_documents(read_items([questions]), [corpus])())
    assert [item.id for item in items] == [
        "q:2",
        "x/who",
        "x/q:3",
        "y/who",
        "y/q:3",
        "docs:3",
    ]
    assert [item.number for item in items] == [0, 1, 2, 3, 4, 5]
    assert [one.text for one in items[1].question.contexts] == ["Short."]
    # 60 sentences of 8 words are 480: four passages of at most 150.
    assert [one.id for one in items[3].question.contexts] == ["y#1", "y#2", "y#3", "y#4"]
    assert items[3].question.contexts == items[4].question.contexts
    assert "no document" in items[5].trouble.message
