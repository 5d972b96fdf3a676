from __future__ import annotations

import math

import numpy as np
import pytest

from rag_router.errors import DataError
from rag_router.eval.metrics.columns import figures, flags, same_length, shares, table


def test_nan_is_refused_with_how_many_and_where():
    said = r"scores: 2 of 4 are NaN or infinite, the first in row 1 \(counted from 0\): nan"
    with pytest.raises(DataError, match=said):
        figures("scores", [0.5, math.nan, 0.1, math.inf])


def test_a_cell_of_a_table_is_found_by_row_and_column():
    with pytest.raises(DataError, match=r"costs: 1 of 4 .* row 1, column 0"):
        table("costs", [[0.0, 1.0], [math.nan, 1.0]])
    with pytest.raises(DataError, match=r"outcomes: 1 of 2 are outside 0 to 1, .*column 1.*: 2\."):
        table("outcomes", [[0.0, 2.0]], within=True)


@pytest.mark.parametrize("values", [[], np.empty(0)])
def test_an_empty_column_is_refused(values):
    with pytest.raises(DataError, match="there are no scores"):
        figures("scores", values)


@pytest.mark.parametrize("values", [["high"], [[1], [1, 2]], [object()]])
def test_what_is_not_a_number_is_refused(values):
    with pytest.raises(DataError, match="not numbers of one shape"):
        figures("scores", values)


@pytest.mark.parametrize("values", [0.5, [[0.5]]])
def test_what_is_not_a_column_is_refused(values):
    with pytest.raises(DataError, match="expected 1 dimension"):
        figures("scores", values)


def test_a_missing_value_is_not_a_number():
    with pytest.raises(DataError, match="1 of 2"):
        figures("scores", [None, 1.0])


def test_shares_lie_in_zero_to_one_and_flags_are_true_or_false():
    assert shares("p", [0, 0.5, 1]).tolist() == [0, 0.5, 1]
    assert flags("right", [True, 0, 1.0]).tolist() == [True, False, True]
    with pytest.raises(DataError, match=r"p: 2 of 3 are outside 0 to 1, .* row 0"):
        shares("p", [-0.1, 0.5, 1.1])
    with pytest.raises(DataError, match=r"right: 1 of 2 are neither 0 nor 1, .* row 1"):
        flags("right", [1, 0.5])


def test_columns_of_different_length_are_named():
    one, two = np.zeros(3), np.zeros(2)
    assert same_length(one=one, other=one) == 3
    with pytest.raises(DataError, match="3 scores, 2 outcomes"):
        same_length(scores=one, outcomes=two)
