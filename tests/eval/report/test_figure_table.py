from __future__ import annotations

from sample_report import BARS, DISTRIBUTION, LINES, RELIABILITY

from rag_router.eval.report import Curve, Distribution, Interval, Lines
from rag_router.eval.report.figure_table import table_of


def test_lines_list_their_marks_and_points():
    assert table_of(LINES).rows == (
        ("never", 0.0, 0.12),
        ("always", 1.0, 0.41),
        ("p_ik", 0.0, 0.12),
        ("p_ik", 0.5, 0.4),
        ("p_ik", 1.0, 0.41),
    )


def test_of_a_long_curve_25_points_from_end_to_end_are_listed():
    numbers = tuple(range(1000))
    rows = table_of(Lines("t", "x", "y", (Curve("c", numbers, numbers),))).rows
    assert (len(rows), rows[0][1], rows[-1][1]) == (25, 0.0, 999.0)


def test_bars_are_listed_with_their_intervals():
    assert table_of(BARS).columns == ("Group", "plain", "cad")
    assert table_of(BARS).rows == (
        ("context", Interval(0.6, 0.5, 0.7), 0.8),
        ("memory", Interval(0.2, 0.1, 0.3), None),
    )


def test_reliability_lists_its_bins():
    assert table_of(RELIABILITY).rows == (("p_ik", 0.1, 0.2, 30), ("p_ik", 0.9, 0.8, 10))


def test_a_distribution_is_told_by_its_quantiles():
    # Nearest rank of four values: ceil(.05 * 4) = 1, ceil(.25 * 4) = 1, 2, 3, ceil(3.8) = 4.
    assert table_of(DISTRIBUTION).rows[0] == ("never", 4, 10.0, 10.0, 20.0, 30.0, 40.0, 40.0)
    assert table_of(Distribution("t", "ms", (("none", ()),))).rows == ()
