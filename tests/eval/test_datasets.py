from __future__ import annotations

import gzip
import json
from itertools import pairwise

import pytest

from rag_router.errors import DataError
from rag_router.eval.datasets import (
    data_hash,
    is_held_out,
    read_questions,
    require_answers,
)
from rag_router.types import Passage, Question


def line(number: int, **more: object) -> str:
    return json.dumps({"id": f"q{number}", "question": f"Question {number}?", **more})


@pytest.fixture
def write(tmp_path):
    def write(*lines: str, name: str = "questions.jsonl"):
        path = tmp_path / name
        raw = "".join(text + "\n" for text in lines).encode()
        path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
        return path

    return write


def problem(path) -> str:
    with pytest.raises(DataError) as caught:
        read_questions([path])
    return str(caught.value)


def test_everything_a_line_says_is_kept(write):
    context = {"id": 7, "title": "Oslo", "text": "A fjord.", "is_gold": True, "has_answer": True}
    path = write(line(1, answers=["a", "b"], contexts=[context], meta={"split": "dev"}))
    assert read_questions([path]) == [
        Question(
            id="q1",
            text="Question 1?",
            answers=("a", "b"),
            contexts=(
                Passage(
                    id="7",
                    title="Oslo",
                    text="A fjord.",
                    meta={"is_gold": True, "has_answer": True},
                ),
            ),
            meta={"split": "dev"},
        )
    ]


def test_only_id_and_question_are_needed_and_blank_lines_are_passed_over(write):
    path = write(line(1), "", line(2, answers=None, contexts=None, meta=None))
    assert read_questions([path]) == [
        Question(id="q1", text="Question 1?"),
        Question(id="q2", text="Question 2?"),
    ]


def test_a_gzipped_file_reads_like_a_plain_one(write):
    lines = [line(n, answers=["ä"]) for n in range(3)]
    assert read_questions([write(*lines, name="a.jsonl.gz")]) == read_questions([write(*lines)])


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{", "not JSON: Expecting property name"),
        ("[1]", "expected an object, saw a list of 1"),
        ('"text"', 'expected an object, saw "text"'),
        ('{"id": "a"}', "lacks 'question'"),
        ('{"question": "a"}', "lacks 'id'"),
        ('{"id": null, "question": "a"}', "lacks 'id'"),
        ('{"id": true, "question": "a"}', "id is text or a whole number, saw true"),
        ('{"id": " ", "question": "a"}', "id is text or a whole number"),
        ('{"id": "a", "question": " "}', "question is blank"),
        ('{"id": "a", "question": 5}', "expected text, saw 5"),
        ('{"id": "a", "question": "b", "answers": [1990]}', "expected text, saw 1990"),
        ('{"id": "a", "question": "b", "answers": "Paris"}', 'answers is a list, saw "Paris"'),
        ('{"id": "a", "question": "b", "contexts": {"id": 1}}', "contexts is a list"),
        ('{"id": "a", "question": "b", "contexts": ["text"]}', "contexts[0]: expected an object"),
        ('{"id": "a", "question": "b", "contexts": [{"id": 1, "text": 2}]}', "saw 2"),
        ('{"id": "a", "question": "b", "meta": [1]}', "meta is an object, saw a list of 1"),
    ],
)
def test_a_broken_line_is_named_by_file_and_line(write, broken, said):
    path = write(line(1), "", broken)
    assert problem(path).startswith(f"{path}:3: ")
    assert said in problem(path)


def test_bytes_that_are_no_text_are_named_too(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(line(1).encode() + b'\n{"id": "\xff"}\n')
    assert f"{path}:2" in problem(path)


def test_an_id_that_stands_twice_is_an_error_in_one_file_only(write, tmp_path):
    path = write(line(1), line(2), line(1))
    assert problem(path) == f"{path}:3: the id 'q1' stands twice, first at {path}:1."
    one, other = write(line(1), name="one.jsonl"), write(line(1), name="other.jsonl")
    assert [q.id for q in read_questions([one, other])] == ["q1", "q1"]


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert str(tmp_path / "none.jsonl") in problem(tmp_path / "none.jsonl")
    assert str(tmp_path) in problem(tmp_path)


def test_a_damaged_archive_is_named(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    whole = gzip.compress("".join(line(n) + "\n" for n in range(500)).encode(), mtime=0)
    cut, flipped = whole[: len(whole) // 2], bytearray(whole)
    flipped[40] ^= 0xFF
    for raw in (b"plain text", cut, bytes(flipped)):
        path.write_bytes(raw)
        assert str(path) in problem(path)


def test_a_larger_limit_holds_every_smaller_sample_in_the_order_of_the_file(write):
    path = write(*(line(n) for n in range(40)))
    everything = [q.id for q in read_questions([path])]
    samples = [[q.id for q in read_questions([path], limit=n)] for n in range(1, 45)]
    assert [len(s) for s in samples] == [min(n, 40) for n in range(1, 45)]
    for smaller, larger in pairwise(samples):
        assert set(smaller) <= set(larger)
        assert larger == [q for q in everything if q in larger]
    assert samples[9] != everything[:10]


def test_the_limit_counts_for_each_file_and_after_what_has_no_answer(write):
    one = write(*(line(n, answers=["a"] if n % 2 else []) for n in range(10)), name="one.jsonl")
    other = write(*(line(n, answers=["a"]) for n in range(10)), name="other.jsonl")
    found = read_questions([one, other], limit=4, answers=True)
    assert len(found) == 4 + 4
    assert all(q.answers for q in found)
    assert len(read_questions([one, other], answers=True)) == 5 + 10


def test_a_question_without_answers_stays_unless_answers_are_asked_for(write):
    path = write(line(1, answers=[]), line(2, answers=[" "]), line(3, answers=["", "a"]))
    assert [q.answers for q in read_questions([path])] == [(), (), ("a",)]
    assert [q.id for q in read_questions([path], answers=True)] == ["q3"]


def test_a_measure_that_needs_answers_names_how_many_have_none():
    have = [Question(id=f"a{n}", text="?", answers=("a",)) for n in range(3)]
    lack = [Question(id=f"b{n}", text="?") for n in range(7)]
    require_answers(have)
    with pytest.raises(DataError) as caught:
        require_answers([*have, *lack])
    assert caught.value.message == (
        "7 of 10 questions have no accepted answers: 'b0', 'b1', 'b2', 'b3', 'b4', …."
    )


def test_choices_and_the_letter_of_the_right_one_pass_through(write):
    meta = {"choices": ["x", "y"], "answer_letter": "B"}
    (question,) = read_questions([write(line(1, answers=["y"], meta=meta))])
    assert question.meta == meta


def test_files_of_other_layouts_may_stand_beside_ours(write):
    ours = write(line(1, answers=["a"]))
    other = write('{"question": "who?", "answer": ["b"]}', name="nq.jsonl")
    assert [(q.id, q.answers) for q in read_questions([ours, str(other)])] == [
        ("q1", ("a",)),
        ("nq:1", ("b",)),
    ]
    assert [q.id for q in read_questions([ours], format="jsonl")] == ["q1"]


def test_who_is_held_out_depends_on_id_share_and_seed_alone():
    ids = [f"q{n}" for n in range(2_000)]
    held = {i for i in ids if is_held_out(i)}
    # 2,000 coins of 1/2: the mean is 1,000, one standard deviation sqrt(2000 * 1/2 * 1/2) = 22.4.
    assert abs(len(held) - 1000) < 4 * 22.4
    assert held > {i for i in ids if is_held_out(i, share=0.25)}
    assert held != {i for i in ids if is_held_out(i, seed=1)}
    assert not any(is_held_out(i, share=0.0) for i in ids)
    assert all(is_held_out(i, share=1.0) for i in ids)


def test_the_hash_of_a_set_changes_with_what_was_learned_from_and_nothing_else():
    one = Question(id="1", text="a", answers=("b",))
    assert data_hash([one]) == data_hash(
        [Question(id="1", text="a", answers=("b",), meta={"x": 1})]
    )
    others = [
        Question(id="2", text="a", answers=("b",)),
        Question(id="1", text="A", answers=("b",)),
        Question(id="1", text="a", answers=("b", "c")),
    ]
    assert len({data_hash([q]) for q in [one, *others]}) == 4
    assert data_hash([one, others[0]]) != data_hash([others[0], one])
