from __future__ import annotations

import math

import pytest
import torch

from rag_router.decoders.comparison import FIGURES
from rag_router.decoders.considerations import (
    CASES,
    CONSIDERED,
    case_of,
    considered,
    known_before,
)
from rag_router.models.streams import Facts

N = len(FIGURES)


@pytest.mark.parametrize("case", CASES)
def test_what_is_known_says_which_line_is_taken(case):
    facts = Facts(
        p_know=0.5 if "p_know" in case else None, support=0.5 if "support" in case else None
    )
    assert CASES[case_of(facts)] == case


def test_what_is_known_counts_as_log_odds_and_what_is_not_as_nothing():
    assert known_before(Facts(p_know=0.75, support=0.5)) == pytest.approx([math.log(3), 0.0])
    assert known_before(Facts()) == [0.0, 0.0]


def test_log_odds_end_at_six():
    assert known_before(Facts(p_know=0.0, support=1.0)) == pytest.approx([-6.0, 6.0])


def test_the_first_step_counts_at_every_step_and_another_one_for_itself():
    facts = [Facts(p_know=0.75), Facts(support=0.75)]
    figures = torch.arange(2.0 * N).view(2, N)
    first = figures + 100
    rows = considered(facts, figures, first, torch.tensor([0.0, 1.0])).tolist()
    nothing, one, other = [0.0] * N, first[0].tolist(), first[1].tolist()
    thrice = [math.log(3) * x for x in one]
    assert rows[0] == pytest.approx([1, math.log(3), 0, *one, *thrice, *nothing, 0, 0, *nothing])
    thrice = [math.log(3) * x for x in other]
    assert rows[1] == pytest.approx(
        [1, 0, math.log(3), *other, *nothing, *thrice, 0, 1, *figures[1].tolist()]
    )
    assert len(rows[0]) == len(CONSIDERED)


def test_what_is_known_of_both_counts_for_both_together():
    facts = [Facts(p_know=0.75, support=0.25)]
    row = considered(facts, torch.zeros(1, N), torch.zeros(1, N), torch.zeros(1))[0]
    assert row[CONSIDERED.index("p_know support")].item() == pytest.approx(-(math.log(3) ** 2))
