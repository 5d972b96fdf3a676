from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from rag_router.eval.conflicts.draws import Draw


@given(st.integers(), st.text(), st.lists(st.integers(), max_size=30))
def test_shuffling_keeps_all_items_and_repeats_itself(seed, row, items):
    shuffled = list(Draw(seed, row).shuffled(items))
    assert sorted(shuffled) == sorted(items)
    assert list(Draw(seed, row).shuffled(items)) == shuffled


def test_other_rows_and_other_seeds_draw_otherwise():
    items = range(100)
    orders = {
        tuple(Draw(seed, row).shuffled(items)) for seed in range(3) for row in ("a", "b", "1:a")
    }
    assert len(orders) == 3 * 3


def test_every_item_comes_first_about_equally_often():
    first = [next(Draw(0, str(row)).shuffled(range(4))) for row in range(2_000)]
    # 2,000 draws of 1/4: the mean is 500, one standard deviation sqrt(2000 * 1/4 * 3/4) = 19.4.
    assert all(abs(first.count(item) - 500) < 4 * 19.4 for item in range(4))


def test_what_is_not_asked_for_is_not_drawn():
    assert len(list(islice(Draw(0, "a").shuffled(range(10**9)), 3))) == 3
