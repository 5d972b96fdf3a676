from __future__ import annotations

from benchmarks.poisoned_table import markdown

ROW = {
    "flipped": 0.35,
    "flipped_less_none": [0.0, 0.0, 0.0],
    "right": 0.45,
    "clean_right": 0.8,
    "clean_right_less_none": [0.0, 0.0, 0.0],
    "false_passage_read": 1.0,
    "answered_apart": 0.0,
    "filter_ms": 0.04,
}


def test_a_row_for_each_chain_with_differences_to_none_of_its_own():
    voting = ROW | {"flipped": 0.1, "flipped_less_none": [-0.25, -0.4, -0.1], "filter_ms": 1234.5}
    made = markdown(
        {
            "n": 40,
            "sets": {"nq": 40},
            "tiny": {"filters": {"none": ROW, "voting": voting}, "certified": [0.8, 0.5, 0.0]},
        }
    )
    title, _, _, _, none, vote = made.splitlines()[:6]
    assert title == "**tiny**, 40 questions, each with five passages:"
    assert none == "| none | 0.350 |  | 0.450 | 0.800 |  | 1.00 | 0.00 | 0 |"
    assert vote == (
        "| `voting` | 0.100 | -0.250 [-0.400, -0.100] | 0.450 | 0.800 | +0.000 [+0.000, +0.000] "
        "| 1.00 | 0.00 | 1,234 |"
    )
    assert made.splitlines()[7].endswith(
        "is right for 0.800 of the questions; certainly so whatever one of the five says instead, "
        "for 0.500, and two, for 0.000."
    )
