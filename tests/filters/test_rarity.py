from __future__ import annotations

import math

import pytest

from rag_router.filters.rarity import Rarity

NEAR = 1 / 32
"""Half a step: what is kept is rounded."""


def test_a_term_is_worth_the_more_the_fewer_passages_hold_it():
    table = Rarity.of([["rome", "old"], ["oslo", "old"], ["old", "old"]])
    # Three passages: ln((3 + 1) / (df + 1/2)).
    assert table("old") == pytest.approx(math.log(4 / 3.5), abs=NEAR)
    assert table("rome") == pytest.approx(math.log(4 / 1.5), abs=NEAR)
    assert table("paris") == pytest.approx(math.log(4 / 0.5), abs=NEAR)


def test_where_nothing_was_counted_all_are_worth_the_same():
    assert Rarity.none()("rome") == Rarity.none()("old") == 6.0


def test_of_no_passages_nothing_is_worth_less_than_nothing():
    assert Rarity.of([])("rome") == pytest.approx(math.log(1 / 0.5), abs=NEAR)
