"""How popular the subject of a question is."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import question

from rag_router.errors import DataError
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.signals import Board, Cost, is_dear
from rag_router.signals.popularity import EntityPopularity, Popularity, read_views


def looked_up(*questions, file=None):
    board = Board(ScriptedModel({}), PromptStyle(), questions)
    found = board.read(EntityPopularity(None if file is None else str(file)), range(len(questions)))
    assert board.cost(0) == Cost()
    return found


def test_views_come_with_the_question():
    of_popqa = question("?", meta={"s_pop": 120, "prop": "occupation", "o_pop": 7})
    ours = question("?", meta={"popularity": "3.5", "relation": "capital"})
    assert looked_up(of_popqa, ours, question("?")) == [
        Popularity(120.0, "occupation"),
        Popularity(3.5, "capital"),
        Popularity(None, ""),
    ]


def test_the_longest_name_in_the_question_counts(tmp_path):
    file = tmp_path / "views.tsv"
    file.write_text("York\t100\nNew York\t900\nNew York City Hall\t5\n\nThe Wire\t70\n")
    asked = ["Where is New York?", "who lives in york", "New yorkers", "Who wrote the Wire?"]
    views = [one.views for one in looked_up(*map(question, asked), file=file)]
    # Names are whole words, and are compared without case, punctuation and articles.
    assert views == [900.0, 100.0, None, 70.0]


def test_what_comes_with_the_question_goes_before_the_file(tmp_path):
    file = tmp_path / "views.jsonl"
    file.write_text('{"name": "Oslo", "views": 10}\n')
    told = question("Where is Oslo?", meta={"s_pop": 0})
    assert [one.views for one in looked_up(told, question("Oslo?"), file=file)] == [0.0, 10.0]


def test_a_name_that_stands_twice_has_the_larger_number(tmp_path):
    file = tmp_path / "views.tsv"
    file.write_text("Oslo\t10\nOSLO\t30\noslo\t20\n...\t9\n")
    assert read_views(file) == {"oslo": 30.0}


def test_a_file_that_has_changed_is_read_anew(tmp_path):
    file = tmp_path / "views.tsv"
    file.write_text("Oslo\t10\n")
    assert looked_up(question("Oslo?"), file=file)[0].views == 10.0
    file.write_text("Oslo\t2000\n")
    os.utime(file, ns=(1, 1))
    assert looked_up(question("Oslo?"), file=file)[0].views == 2000.0


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("Oslo 10", "no tab"),
        ("Oslo\tmany", "'many'"),
        ("Oslo\t-1", "'-1'"),
        ("Oslo\tnan", "'nan'"),
        ('{"name": "Oslo"}', "views"),
        ('{"name": "Oslo"', "not a name with views"),
        ('{"name": "Oslo", "views": true}', "True"),
    ],
)
def test_a_broken_line_is_an_error_that_names_it(tmp_path, line, seen):
    file = tmp_path / "views.txt"
    file.write_text(f"Rome\t1\n{line}\n")
    with pytest.raises(DataError, match=f"views.txt:2: .*{seen}"):
        read_views(file)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        looked_up(question("?"), file=tmp_path / "none.tsv")
    with pytest.raises(DataError, match="cannot be read"):
        read_views(tmp_path / "none.tsv")


@pytest.mark.parametrize("views", ["many", -3, float("nan"), True, [1]])
def test_views_of_a_question_that_are_none_are_an_error_that_names_it(views):
    with pytest.raises(DataError, match="question 'q9'"):
        looked_up(question("?", "q9", meta={"s_pop": views}))


@given(st.integers(0, 10**9))
def test_any_whole_number_of_views_comes_through(views):
    assert looked_up(question("?", meta={"s_pop": views}))[0].views == views


def test_it_is_not_dear():
    assert not is_dear(EntityPopularity())
