from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rag_router.models.transfers import rows_at, sent

TABLE = torch.arange(12.0).reshape(6, 2)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_rows_are_those_that_were_named_in_their_order(rows):
    assert rows_at(TABLE, rows).tolist() == [[2 * row, 2 * row + 1] for row in rows]


@pytest.mark.parametrize("rows", [[4], [0, 1, 2], [1, 3, 5], [0, 3], [0, 2, 4]])
def test_evenly_spaced_rows_are_not_copied(rows):
    assert rows_at(TABLE, rows).data_ptr() == TABLE[rows[0]].data_ptr()


@pytest.mark.parametrize("rows", [[0, 0], [2, 1], [0, 1, 3]])
def test_all_others_are(rows):
    assert rows_at(TABLE, rows).untyped_storage().data_ptr() != TABLE.untyped_storage().data_ptr()


def test_numbers_take_the_kind_of_the_tensor_they_are_sent_to():
    assert sent([1, 0], like=torch.tensor([0.5], dtype=torch.float64)).dtype == torch.float64
    assert sent([1, 0], like=torch.tensor([7])).tolist() == [1, 0]
