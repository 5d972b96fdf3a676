from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.eval.report import Interval
from rag_router.eval.report.shown import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        ("p_ik", "p_ik"),
        (0, "0"),
        (2000, "2,000"),
        (0.0, "0"),
        (0.8312, ".831"),
        (-0.8312, "-.831"),
        (0.00049, "4.9e-04"),
        (0.0005, ".001"),
        (0.9994, ".999"),
        (0.9996, "1.00"),
        (1.0, "1.00"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (2e13, "2.0e+13"),
        ([0.5, 1, "a"], "[.500, 1, a]"),
    ],
)
def test_numbers_by_example(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.53, 0.50, 0.56), ".53 [.50, .56]"),
        # A width of .006 needs thousandths to be seen.
        (Interval(0.531, 0.528, 0.534), ".531 [.528, .534]"),
        (Interval(0.02, -0.01, 0.05), ".02 [-.01, .05]"),
        (Interval(1, 1, 1), "1.00 [1.00, 1.00]"),
        (Interval(132.4, 128.2, 140.3), "132 [128, 140]"),
        (Interval(1.31, 1.25, 1.32), "1.31 [1.25, 1.32]"),
        (Interval(1.31, 1.2, 1.4), "1.3 [1.2, 1.4]"),
    ],
)
def test_an_interval_shows_the_decimals_that_its_width_leaves_certain(interval, text):
    assert shown(interval) == text


@given(st.floats(min_value=-1e11, max_value=1e11))
def test_what_is_shown_is_the_number_to_two_digits_or_a_half_thousandth(x):
    assert float(shown(x).replace(",", "")) == pytest.approx(x, rel=0.051, abs=0.0005)
