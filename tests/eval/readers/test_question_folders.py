from __future__ import annotations

import pytest

from rag_router.errors import DataError
from rag_router.eval.datasets import read_questions
from rag_router.eval.readers.folders import question_files


def line(number: int) -> str:
    return f'{{"id": "q{number}", "question": "Question {number}?", "answers": ["a"]}}\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train.jsonl").write_text(line(1) + line(2))
    (tmp_path / "dev.jsonl").write_text(line(3))
    (tmp_path / "SOURCE.md").write_text("Where this comes from.\n")
    (tmp_path / "corpus.jsonl").write_text('{"id": "d", "title": "t", "text": "x"}\n')
    (tmp_path / "queries.jsonl").write_text('{"id": "d", "text": "x"}\n')
    (tmp_path / "passages.jsonl").write_text('{"id": "d", "title": "t", "text": "x"}\n')
    (tmp_path / "more").mkdir()
    return tmp_path


def test_a_folder_gives_its_question_files_in_the_order_of_their_names(folder):
    assert [path.name for path in question_files(folder)] == ["dev.jsonl", "train.jsonl"]
    assert [q.id for q in read_questions([folder])] == ["q3", "q1", "q2"]


def test_a_limit_counts_for_the_whole_folder(folder):
    assert len(read_questions([folder], limit=2)) == 2


def test_an_id_in_two_files_of_a_folder_is_an_error_that_names_both(folder):
    (folder / "other.jsonl").write_text(line(3))
    with pytest.raises(DataError) as caught:
        read_questions([folder])
    assert caught.value.message == (
        f"the id 'q3' stands in {folder / 'dev.jsonl'} and in {folder / 'other.jsonl'}."
    )


def test_a_broken_file_is_not_passed_over(folder):
    (folder / "test.jsonl").write_text("{\n")
    with pytest.raises(DataError, match=r"test.jsonl:1: not JSON"):
        read_questions([folder])


def test_a_folder_without_question_files_says_what_it_holds(tmp_path):
    with pytest.raises(DataError, match="holds no question files: saw nothing"):
        read_questions([tmp_path])
    (tmp_path / "SOURCE.md").write_text("a")
    with pytest.raises(DataError, match=r"saw SOURCE.md. Name a file"):
        read_questions([tmp_path])
