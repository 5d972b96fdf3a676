from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_report import report

from rag_router.eval.metrics.bootstrap import Interval as Bootstrapped
from rag_router.eval.report import Bars, Curve, Interval, ReliabilityCurve, Series, Table
from rag_router.eval.report.plain import plain


@pytest.mark.parametrize(
    "given_as",
    [
        Interval(0.53, 0.5, 0.56),
        (0.53, 0.5, 0.56),
        [0.53, 0.5, 0.56],
        np.array([0.53, 0.5, 0.56]),
        Bootstrapped(0.53, 0.5, 0.56),
    ],
)
def test_anything_with_a_value_and_two_ends_is_an_interval(given_as):
    assert Table("t", ("a",), ((given_as,),)).rows == ((Interval(0.53, 0.5, 0.56),),)


@pytest.mark.parametrize("cell", [True, 1, 1.0, "1", None])
def test_a_cell_keeps_its_type(cell):
    assert type(Table("t", ("a",), ((cell,),)).rows[0][0]) is type(cell)


def test_numbers_may_come_from_numpy():
    curve = Curve("p", np.array([0, 1]), [np.float32(0.5), np.int64(2)])
    assert (curve.x, curve.y) == ((0.0, 1.0), (0.5, 2.0))
    made = report(summary={"n": np.int64(3), "right": np.array([True, False])})
    assert made.summary == {"n": 3, "right": [True, False]}
    assert type(made.summary["n"]) is int


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_a_number_that_is_none_is_refused_by_name(number):
    with pytest.raises(ValueError, match=r"gates\.p_ik\.auroc is -?(nan|inf)"):
        report(summary={"gates": {"p_ik": {"auroc": number}}})
    with pytest.raises(ValueError, match="finite"):
        Curve("p", (0.0,), (number,))
    with pytest.raises(ValueError, match="leave out"):
        Table("t", ("a",), ((number,),))


def test_what_json_has_no_place_for_is_refused():
    with pytest.raises(ValueError, match=r"manifest|paths\.0"):
        report(manifest={"paths": [{1, 2}]})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Curve("p", (0, 1), (0,)),
        lambda: Series("s", (1, 2), (0,), (3,)),
        lambda: Series("s", (1,), lows=(0,)),
        lambda: Bars("b", "y", ("one", "two"), (Series("s", (1,)),)),
        lambda: ReliabilityCurve("r", (0.1,), (0.1,), (1, 2)),
        lambda: Table("t", ("a", "b"), ((1,),)),
    ],
)
def test_parts_that_belong_together_are_as_many(make):
    with pytest.raises(ValueError, match=r"as many|columns"):
        make()


def test_every_question_has_an_id_and_a_text():
    with pytest.raises(ValueError, match="question 0 lacks id and question"):
        report(questions=({"p_know": 0.1},), flags=())


def test_a_flag_is_a_boolean_column():
    row = {"id": "7", "question": "?", "wrong": 1}
    with pytest.raises(ValueError, match="question 7: flag 'wrong' is 1"):
        report(questions=(row,), flags=("wrong",))
    with pytest.raises(ValueError, match="no question has the flag 'worng'"):
        report(questions=(row,), flags=("worng",))
    assert report(questions=(), flags=("wrong",)).columns == ()


def test_columns_stand_in_the_order_of_their_first_appearance():
    rows = ({"id": "1", "question": "?", "b": 1}, {"id": "2", "question": "?", "a": 1, "b": 2})
    assert report(questions=rows, flags=()).columns == ("id", "question", "b", "a")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
)


@given(JSON)
def test_json_data_is_plain_already(value):
    assert plain(value) == value
