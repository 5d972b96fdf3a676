from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import Known, question

from rag_router.gates import assess
from rag_router.gates.semantic_entropy import SemanticEntropyGate, semantic_entropy
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board
from rag_router.signals.meanings import Meanings

MODEL = ScriptedModel({"sure": Reply("yes", 0.999), "mute": Reply("")}, otherwise=Reply("no", 0.5))
GROUPS = st.lists(st.integers(0, 4), min_size=1, max_size=12)


def figure(gate, texts, groups, probabilities):
    told = Known({gate.needs[0]: [Meanings(texts, groups, probabilities)]})
    return gate.features([question("?")], told)[0, 0]


def test_three_of_four_samples_of_one_meaning_by_hand():
    gate = SemanticEntropyGate(estimate="discrete", samples=4)
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    found = figure(gate, ("a b", "b", "b a", "x"), (0, 0, 0, 1), (0.1, 0.2, 0.9, 0.3))
    assert found == pytest.approx(expected)


def test_likelier_samples_weigh_more():
    # Meanings weigh 0.2 + 0.2 and 0.6, of 1 together.
    expected = -(0.4 * math.log(0.4) + 0.6 * math.log(0.6))
    found = figure(SemanticEntropyGate(), ("x", "x", "y"), (0, 0, 1), (0.2, 0.2, 0.6))
    assert found == pytest.approx(expected)


def test_a_sample_without_a_token_weighs_as_one_that_is_certain():
    # 0.5 and 1, of 1.5 together.
    expected = -(1 / 3 * math.log(1 / 3) + 2 / 3 * math.log(2 / 3))
    assert figure(SemanticEntropyGate(), ("x", ""), (0, 1), (0.5, 0.0)) == pytest.approx(expected)


@given(GROUPS)
def test_it_lies_between_nothing_and_all_meanings_alike(groups):
    found = semantic_entropy(groups, [1.0] * len(groups))
    assert 0 <= found <= math.log(len(groups)) + 1e-9
    assert (found < 1e-12) == (len(set(groups)) == 1)
    assert semantic_entropy(range(len(groups)), [1.0] * len(groups)) == pytest.approx(
        math.log(len(groups))
    )


@given(GROUPS, st.floats(0.01, 100))
def test_it_depends_on_the_proportions_of_the_weights_alone(groups, scale):
    weights = [0.1 + n / 10 for n in range(len(groups))]
    assert semantic_entropy(groups, weights) == pytest.approx(
        semantic_entropy(groups, [scale * w for w in weights])
    )


def test_samples_too_unlikely_to_show_do_not_break_it():
    assert figure(SemanticEntropyGate(), ("x", "y"), (0, 1), (0.0, 0.0)) == pytest.approx(
        math.log(2)
    )


def test_unfitted_p_know_falls_from_one_meaning_to_as_many_as_samples():
    for estimate in ("likelihood", "discrete"):
        gate = SemanticEntropyGate(samples=20, temperature=1.0, estimate=estimate)
        board = Board(MODEL, PromptStyle(shots=0), [question(t) for t in ("sure", "what", "mute")])
        sure, unsure, mute = (verdict.p_know for verdict in assess(gate, board))
        assert sure > 0.9 > unsure > mute
        # Every silent sample is a meaning of its own.
        assert mute == pytest.approx(0.0, abs=1e-9)
