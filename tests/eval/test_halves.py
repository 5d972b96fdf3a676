from __future__ import annotations

import numpy as np
import pytest

from rag_router.errors import DataError
from rag_router.eval.datasets import is_held_out
from rag_router.eval.halves import halves, require_both_classes, require_enough
from rag_router.types import Question

QUESTIONS = [Question(id=f"q{n}", text="?") for n in range(60)]


def test_every_question_belongs_to_one_half_by_its_id_alone():
    train, held = halves(QUESTIONS, 0)
    assert sorted([*train, *held]) == list(range(60))
    assert all(is_held_out(f"q{row}") for row in held)
    turned_train, _ = halves(QUESTIONS[::-1], 0)
    assert {59 - row for row in turned_train} == set(train)
    assert set(halves(QUESTIONS, 1)[0]) != set(train)


def test_fewer_than_fifty_are_too_few():
    with pytest.raises(DataError, match="49 labelled questions are too few"):
        halves(QUESTIONS[:49], 0)
    require_enough(50)


def test_both_parts_need_both_classes_and_the_error_counts_them():
    train, held = np.arange(10), np.arange(10, 20)
    right = np.arange(20) % 2 == 0
    require_both_classes(right, train, held)
    # Four of ten are too few to learn from; one of ten is enough to judge by.
    few = np.isin(np.arange(20), [0, 2, 4, 6, 10])
    with pytest.raises(DataError, match=r"saw 4 right and 6 wrong among the 10 .* learned from"):
        require_both_classes(few, train, held)
    require_both_classes(np.isin(np.arange(20), [0, 2, 4, 6, 8, 10]), train, held)
    none = np.where(np.arange(20) < 10, right, True)
    with pytest.raises(DataError, match=r"saw 10 ripe and 0 raw among the 10 .* held out"):
        require_both_classes(none, train, held, kinds=("ripe", "raw"))
