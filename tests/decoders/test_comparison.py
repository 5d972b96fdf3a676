from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stepping import NEVER, logits

from rag_router.decoders.comparison import FIGURES, side_by_side


def figures(closed, context):
    found = side_by_side(torch.tensor([closed]), torch.tensor([context]))
    return dict(zip(FIGURES, found[0].tolist(), strict=True))


def test_figures_by_hand():
    found = figures(logits(0.5, 0.25, 0.25), logits(0.25, 0.25, 0.5))
    # 1/2 ln 2 + 2 (1/4 ln 4) = 3/2 ln 2, in both.
    assert found["entropy_closed"] == pytest.approx(1.5 * math.log(2), abs=1e-6)
    assert found["entropy_context"] == pytest.approx(1.5 * math.log(2), abs=1e-6)
    # M = (3/8, 1/4, 3/8): H(M) = 3/4 ln(8/3) + 1/4 ln 4, less 3/2 ln 2, in units of ln 2.
    middle = 0.75 * math.log(8 / 3) + 0.25 * math.log(4)
    assert found["divergence"] == pytest.approx(middle / math.log(2) - 1.5, abs=1e-6)
    assert found["margin_closed"] == found["margin_context"] == pytest.approx(0.25)
    assert found["best_closed"] == found["best_context"] == pytest.approx(math.log(0.5))
    # Each gives the other's favourite half of what it gives its own.
    assert found["memory_beside"] == found["passages_beside"] == pytest.approx(math.log(0.5))
    assert found["agreement"] == 0.0


def test_streams_that_agree_differ_in_nothing():
    found = figures(logits(0.75, 0.25), logits(0.75, 0.25))
    assert found["divergence"] == pytest.approx(0.0, abs=1e-6)
    assert (found["memory_beside"], found["passages_beside"]) == (0.0, 0.0)
    assert found["agreement"] == 1.0


def test_what_a_stream_rules_out_is_twenty_nats_down():
    found = figures(logits(1.0, 0.0), logits(0.0, 1.0))
    assert (found["memory_beside"], found["passages_beside"]) == (-20.0, -20.0)
    assert found["divergence"] == pytest.approx(1.0)
    assert (found["entropy_closed"], found["margin_closed"]) == (0.0, 1.0)


LOGITS = st.lists(
    st.one_of(st.floats(-50, 50, width=32), st.just(NEVER)), min_size=4, max_size=4
).filter(lambda row: max(row) > NEVER)


@given(closed=LOGITS, context=LOGITS)
def test_figures_are_finite_and_in_their_ranges(closed, context):
    found = figures(closed, context)
    assert all(math.isfinite(value) for value in found.values())
    for name in ("divergence", "margin_closed", "margin_context", "agreement"):
        assert -1e-6 <= found[name] <= 1 + 1e-6
    for name in ("best_closed", "best_context", "memory_beside", "passages_beside"):
        assert -20.0 <= found[name] <= 1e-6
