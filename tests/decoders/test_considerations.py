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
def test_what_is_known_says_which_forest_is_asked(case):
    facts = Facts(
        p_know=0.5 if "p_know" in case else None, support=0.5 if "support" in case else None
    )
    assert CASES[case_of(facts)] == case


def test_what_is_known_counts_as_log_odds_and_what_is_not_as_nothing():
    assert known_before(Facts(p_know=0.75, support=0.5)) == pytest.approx([math.log(3), 0.0])
    assert known_before(Facts()) == [0.0, 0.0]


def test_log_odds_end_at_six():
    assert known_before(Facts(p_know=0.0, support=1.0)) == pytest.approx([-6.0, 6.0])


def test_what_is_known_comes_first_and_then_the_figures():
    facts = [Facts(p_know=0.75), Facts(support=0.75)]
    figures = torch.arange(2.0 * N).view(2, N)
    rows = considered(facts, figures).tolist()
    assert rows[0] == pytest.approx([math.log(3), 0, *figures[0].tolist()])
    assert rows[1] == pytest.approx([0, math.log(3), *figures[1].tolist()])
    assert len(rows[0]) == len(CONSIDERED)
