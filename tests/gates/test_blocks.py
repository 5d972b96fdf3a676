"""Features of several kinds in one row, and whom they were read with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import ArtefactError, DataError
from rag_router.gates.blocks import join_blocks, part_blocks
from rag_router.gates.sources import check_marks, mark_of


def test_the_widths_stand_before_the_blocks():
    joined = join_blocks([np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0], [6.0]])])
    assert joined.tolist() == [[2, 1, 1, 2, 5], [2, 1, 3, 4, 6]]


@given(st.integers(1, 4), st.lists(st.integers(0, 3), min_size=1, max_size=4), st.booleans())
def test_what_was_joined_comes_apart_also_after_float32(rows, widths, kept):
    blocks = [np.full((rows, width), float(n)) for n, width in enumerate(widths)]
    joined = join_blocks(blocks)
    found = part_blocks(joined.astype(np.float32) if kept else joined, len(widths))
    assert [block.tolist() for block in found] == [block.tolist() for block in blocks]


def test_no_rows_are_no_columns():
    joined = join_blocks([np.zeros((0, 3)), np.zeros((0, 2))])
    assert [block.shape for block in part_blocks(joined, 2)] == [(0, 0), (0, 0)]


@pytest.mark.parametrize("row", [[2.0, 1.0, 7.0], [1.0, np.nan, 7.0], [1.0, 1.0, 7.0, 8.0, 9.0]])
def test_columns_that_are_no_blocks_are_an_error(row):
    with pytest.raises(DataError, match=f"{len(row)} columns are not 2 blocks"):
        part_blocks(np.array([row]), 2)


def test_rows_of_different_widths_are_an_error():
    with pytest.raises(DataError, match="not 2 blocks"):
        part_blocks(np.array([[1.0, 1.0, 7.0, 8.0], [2.0, 0.0, 7.0, 8.0]]), 2)


@given(st.text(max_size=40))
def test_a_mark_is_a_whole_number_that_float32_holds(name):
    mark = mark_of(name)
    assert 1 <= mark < 2**24
    assert float(np.float32(mark)) == mark == mark_of(name)


def test_another_source_is_an_error_and_the_same_one_is_not():
    marks = np.array([[mark_of("a"), mark_of("b")]] * 3)
    check_marks(marks, marks[0])
    with pytest.raises(ArtefactError, match="another proxy or embedder"):
        check_marks(marks, np.array([mark_of("a"), mark_of("c")]))
