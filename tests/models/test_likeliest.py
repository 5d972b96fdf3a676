from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rag_router.models.likeliest import likeliest

LARGE = 256 * 256 + 5
"""Just enough for blocks, and some tokens that fill none."""


@pytest.mark.parametrize("vocabulary", [1, 7, 1000, LARGE])
@pytest.mark.parametrize("count", [1, 5, 50])
def test_they_are_those_of_sorting_everything(vocabulary, count):
    torch.manual_seed(vocabulary + count)
    scores = torch.randperm(3 * vocabulary).reshape(3, vocabulary).float()
    values, numbers = likeliest(scores, count)
    expected = scores.sort(dim=-1, descending=True)
    assert torch.equal(values, expected.values[:, :count])
    assert torch.equal(numbers, expected.indices[:, :count])


@given(st.lists(st.integers(0, LARGE - 1), min_size=3, max_size=3, unique=True))
def test_wherever_they_stand_they_are_found(places):
    scores = torch.full((1, LARGE), -math.inf)
    scores[0, places] = torch.tensor([3.0, 2.0, 1.0])
    values, numbers = likeliest(scores, 4)
    assert values.tolist() == [[3.0, 2.0, 1.0, -math.inf]]
    assert numbers[0, :3].tolist() == places
    assert numbers[0, 3] not in places


def test_what_is_no_number_counts_as_largest():
    scores = torch.zeros(1, LARGE)
    scores[0, 70], scores[0, 900] = 5.0, math.nan
    values, numbers = likeliest(scores, 2)
    assert numbers.tolist() == [[900, 70]]
    assert math.isnan(values[0, 0])
