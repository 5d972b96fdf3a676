from __future__ import annotations

import gzip

import pytest
from little_house import write_jsonl
from stand_ins import question

from rag_router.errors import DataError
from rag_router.eval.peers import read_scores

ASKED = [question("first", "a"), question("second", "b"), question("third", "7")]


def line(id_, **scores):
    return {"id": id_, "estimators": scores}


def read(tmp_path, *lines, asked=ASKED):
    found = read_scores(write_jsonl(tmp_path / "scores.jsonl", lines), asked)
    return {name: scores.tolist() for name, scores in found.items()}


def test_scores_are_turned_round_and_put_in_the_order_of_the_questions(tmp_path):
    lines = [line("b", P=2.5), line(7, P=-1), line("a", P=0)]
    assert read(tmp_path, *lines) == {"P": [-0.0, -2.5, 1.0]}


def test_estimators_that_lack_a_question_are_left_out(tmp_path):
    lines = [line("a", P=1, Q=2), line("b", Q=3), line("7", P=4, Q=5)]
    assert read(tmp_path, *lines) == {"Q": [-2.0, -3.0, -5.0]}


def test_lines_of_other_questions_and_blank_lines_are_passed_over(tmp_path):
    path = tmp_path / "scores.jsonl"
    path.write_text(
        '{"id": "z", "estimators": {}}\n\n'
        '{"id": "a", "text": "one\u2028line", "estimators": {"P": 1}}\r\n\n',
        encoding="utf-8",
    )
    assert read_scores(path, ASKED[:1])["P"].tolist() == [-1]


def test_packed_files_are_read_too(tmp_path):
    path = tmp_path / "scores.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": "a", "estimators": {"P": 1}}'))
    assert read_scores(path, ASKED[:1])["P"].tolist() == [-1]


def test_questions_of_two_sets_with_one_id_take_their_lines_in_order(tmp_path):
    asked = [question("of the first set", "1"), question("of the second set", "1")]
    assert read(tmp_path, line("1", P=1), line("1", P=2), asked=asked) == {"P": [-1.0, -2.0]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"scores\.jsonl:2: not JSON"),
        ("[]", r"scores\.jsonl:2: expected an object"),
        ('{"estimators": {"P": 1}}', r"scores\.jsonl:2: lacks 'id'"),
        ('{"id": "b"}', r"scores\.jsonl:2: lacks 'estimators'"),
        ('{"id": "b", "estimators": [1]}', r"scores\.jsonl:2: lacks 'estimators'"),
        ('{"id": "b", "estimators": {"P": "1"}}', r"scores\.jsonl:2: P is not a finite number"),
        ('{"id": "b", "estimators": {"P": null}}', r"scores\.jsonl:2: P is not a finite number"),
        ('{"id": "b", "estimators": {"P": true}}', r"scores\.jsonl:2: P is not a finite number"),
        ('{"id": "b", "estimators": {"P": 1e999}}', r"scores\.jsonl:2: P is not a finite number"),
        (
            '{"id": "b", "estimators": {"P": 1' + "0" * 400 + "}}",
            r"scores\.jsonl:2: P is not a finite number",
        ),
        ('{"id": "b", "estimators": {"P": NaN}}', r"scores\.jsonl:2: not JSON: NaN"),
    ],
)
def test_a_line_that_holds_no_scores_is_named(tmp_path, text, said):
    path = tmp_path / "scores.jsonl"
    path.write_text('{"id": "a", "estimators": {"P": 1}}\n' + text + "\n")
    with pytest.raises(DataError, match=said):
        read_scores(path, ASKED)


def test_questions_without_scores_are_counted_and_one_is_named(tmp_path):
    with pytest.raises(DataError, match="no scores for 2 of 3 questions, such as 'b'"):
        read(tmp_path, line("a", P=1))


def test_two_lines_for_one_question_are_refused(tmp_path):
    with pytest.raises(DataError, match="2 lines for the question 'a', which is asked 1 time"):
        read(tmp_path, line("a", P=1), line("a", P=2), asked=ASKED[:1])


def test_no_estimator_in_common_is_an_error_and_not_silence(tmp_path):
    with pytest.raises(DataError, match="no estimator that scored every question"):
        read(tmp_path, line("a", P=1), line("b", Q=1), line("7", P=1, Q=1))


@pytest.mark.parametrize("name", ["nowhere.jsonl", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(DataError, match="cannot be read"):
        read_scores(tmp_path / name, ASKED)
