from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError
from rag_router.eval.readers import check_run, read_run, write_run

BLANKS = " \t\r\n\f\v"
words = st.text(st.characters(codec="utf-8", exclude_characters=BLANKS), min_size=1).filter(
    lambda word: not word.startswith("\ufeff")
)
runs = st.dictionaries(
    words,
    st.dictionaries(
        words, st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4
    ),
    max_size=4,
)


def test_a_run_is_written_best_first_and_ties_keep_their_order(tmp_path):
    path = tmp_path / "bm25.run"
    write_run(path, {"1": {"a": 0.5, "b": 2, "c": 0.5}, "2": {}}, tag="bm25")
    assert path.read_text() == (
        "1 Q0 b 1 2.0 bm25\n"  #
        "1 Q0 a 2 0.5 bm25\n"
        "1 Q0 c 3 0.5 bm25\n"
    )


@given(run=runs)
def test_a_run_is_read_back_as_it_was_written(tmp_path_factory, run):
    path = tmp_path_factory.getbasetemp() / "some.run"
    write_run(path, run, tag="t")
    assert read_run(path) == run


def test_a_run_may_be_packed_and_equal_runs_make_equal_files(tmp_path):
    one, other = tmp_path / "one.run.gz", tmp_path / "other.run.gz"
    for path in (one, other):
        write_run(path, {"1": {"a": 1.0}}, tag="t")
    assert one.read_bytes() == other.read_bytes()
    assert gzip.decompress(one.read_bytes()) == b"1 Q0 a 1 1.0 t\n"
    assert read_run(one) == {"1": {"a": 1.0}}


def test_other_programs_read_what_is_written(tmp_path):
    ir_measures = pytest.importorskip("ir_measures")
    path = tmp_path / "a.run"
    write_run(path, {"1": {"a": 0.25, "b": 1e-07}, "2": {"c": -3.0}}, tag="t")
    read = [(one.query_id, one.doc_id, one.score) for one in ir_measures.read_trec_run(str(path))]
    assert read == [("1", "a", 0.25), ("1", "b", 1e-07), ("2", "c", -3.0)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 Q0 b 2 0.5", "5 columns instead of 6"),
        ("1 Q0 b 2 high t", "the score is 'high'"),
        ("1 Q0 b 2 nan t", "the score is nan"),
        ("1 Q0 b 2 -inf t", "the score is -inf"),
        ("1 Q0 a 2 0.5 t", "document 'a' stands twice for query '1', first at {path}:1."),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, said):
    path = tmp_path / "a.run"
    path.write_text(f"1 Q0 a 1 1.0 t\n\n{line}\n")
    with pytest.raises(DataError) as caught:
        read_run(path)
    assert caught.value.message.startswith(f"{path}:3: {said.format(path=path)}")


@pytest.mark.parametrize(
    ("run", "tag", "said"),
    [
        ({"1": {"a b": 1.0}}, "t", "the document id 'a b'"),
        ({"": {"a": 1.0}}, "t", "the query id ''"),
        ({"1": {"a": 1.0}}, "my run", "the tag 'my run'"),
        ({"\ufeff1": {"a": 1.0}}, "t", "the query id"),
        ({"1": {"a": float("nan")}}, "t", "the score of 'a' is nan"),
        ({"1": {"\udc80": 1.0}}, "t", "cannot be written"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, run, tag, said):
    path = tmp_path / "a.run"
    with pytest.raises(DataError, match=said):
        write_run(path, run, tag=tag)
    assert list(tmp_path.iterdir()) == []


def test_a_query_of_a_run_that_nobody_judged_is_an_error():
    qrels = {"cranq-1": {"a": 1}, "cranq-2": {"a": 1}}
    with pytest.raises(DataError) as caught:
        check_run({"1": {"a": 1.0}, "2": {"b": 1.0}, "cranq-1": {}}, qrels)
    assert caught.value.message == "2 of 3 queries of the run are not judged: '1', '2'."
    assert "cranq-1" in caught.value.hint


def test_judged_queries_without_results_are_named_and_an_error_where_asked():
    qrels = {"1": {"a": 1}, "2": {"a": 1}, "3": {"a": 1}}
    run = {"2": {"a": 1.0}, "3": {}}
    assert check_run(run, qrels) == ("1", "3")
    assert check_run({"1": ["a"], "2": ["b"], "3": ["c"]}, qrels, complete=True) == ()
    with pytest.raises(DataError, match="2 of 3 judged queries have no results: '1', '3'"):
        check_run(run, qrels, complete=True)
