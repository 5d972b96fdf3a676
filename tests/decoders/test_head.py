from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stepping import NEVER, logits

from rag_router.decoders.head import head


def members(row, **options):
    found = head(torch.tensor([row]), **options)[0]
    return found.nonzero().flatten().tolist()


def test_the_head_is_at_least_so_many_of_the_likeliest_tokens():
    assert members(logits(0.1, 0.5, 0.05, 0.35), tokens=2) == [1, 3]


def test_tokens_that_tie_with_the_last_are_in_it_too():
    assert members(logits(0.2, 0.4, 0.2, 0.2), tokens=2) == [0, 1, 2, 3]


@pytest.mark.parametrize(("share", "expected"), [(0.5, [0]), (0.3, [0, 1]), (0.05, [0, 1, 2])])
def test_so_is_everything_with_the_given_share_of_the_best_ones_probability(share, expected):
    # 0.6, 0.24 = 0.4 * 0.6, 0.048 = 0.08 * 0.6, and the rest far below
    row = logits(0.6, 0.24, 0.048, 0.6e-3)
    assert members(row, tokens=1, share=share) == expected


def test_a_vocabulary_smaller_than_the_head_is_all_head_but_for_what_is_ruled_out():
    assert members([0.0, NEVER, -3.0], tokens=10, share=0.01) == [0, 2]


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=9), st.integers(1, 12))
def test_the_likeliest_token_is_always_in_it_and_the_rest_is_no_likelier(row, tokens):
    inside = set(members(row, tokens=tokens))
    kept, left = [row[i] for i in inside], [x for i, x in enumerate(row) if i not in inside]
    assert len(kept) >= min(tokens, len(row))
    assert max(left, default=NEVER) <= min(kept)
    assert row.index(max(row)) in inside
