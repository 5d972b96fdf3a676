from __future__ import annotations

import math

import pytest
import torch
from stepping import logits

from rag_router.decoders.reliance import passages_share, weigh
from rag_router.models.streams import Facts

TRUSTED = [Facts()]


def share(reliance, closed=0.0, context=0.0, facts=TRUSTED):
    return passages_share(reliance, torch.tensor([closed]), torch.tensor([context]), facts).item()


@pytest.mark.parametrize("reliance", [0.0, 0.25, 0.5, 1.0])
def test_the_passages_have_what_memory_leaves(reliance):
    assert share(reliance) == 1 - reliance


def test_without_a_setting_the_surer_stream_weighs_more():
    # a = H(p^c) / (H(p) + H(p^c)), and the passages have the rest
    assert share(None, closed=3.0, context=1.0) == pytest.approx(1 - 1 / (3 + 1))
    assert share(None, closed=0.0, context=1.0) == 0.0
    assert share(None, closed=1.0, context=0.0) == 1.0


def test_two_sure_streams_weigh_the_same():
    assert share(None) == 0.5


@pytest.mark.parametrize(("trust", "expected"), [(1.0, 1.0), (0.5, 0.75), (0.0, 0.5)])
def test_what_amplifies_the_passages_is_capped_by_trust(trust, expected):
    # 1/2 + trust (1 - 1/2): half and half says what the passages say
    assert share(0.0, facts=[Facts(trust=trust)]) == expected
    assert share(None, closed=1.0, context=0.0, facts=[Facts(trust=trust)]) == expected


def test_what_leans_on_memory_needs_no_trust():
    assert share(0.8, facts=[Facts(trust=0.0)]) == pytest.approx(0.2)


def test_both_ends_of_the_knob_and_its_middle():
    closed, context = (torch.tensor([logits(*p)] * 3) for p in ((0.5, 0.5), (0.8, 0.2)))
    out = weigh(closed, context, torch.tensor([0.0, 1.0, 0.5]))
    memory, added, halves = torch.softmax(out, dim=-1).tolist()
    assert memory == pytest.approx([0.5, 0.5], abs=1e-6)
    # p^c / p = 1.6 and 0.4
    assert added == pytest.approx([1.6 / (1.6 + 0.4), 0.4 / (1.6 + 0.4)], abs=1e-6)
    # (p^c)^(1/2): the passages at temperature 2
    roots = [math.sqrt(0.8), math.sqrt(0.2)]
    assert halves == pytest.approx([r / sum(roots) for r in roots], abs=1e-6)
