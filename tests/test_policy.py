from __future__ import annotations

import math

import numpy as np
import pytest

from rag_router.artefacts import Card
from rag_router.calibration import logit
from rag_router.errors import DataError
from rag_router.policy import Policy, Sureness
from rag_router.types import Verdict


def verdict(p_know, threshold=0.5):
    retrieve = p_know < (0.5 if threshold is None else threshold)
    return Verdict(p_know=p_know, retrieve=retrieve, reason="", threshold=threshold)


KNOWS, DOES_NOT = verdict(0.9), verdict(0.1)


@pytest.mark.parametrize(
    ("said", "support", "plan"),
    [
        (KNOWS, 0.9, "contrast"),
        (KNOWS, 0.01, "parametric"),
        (DOES_NOT, 0.9, "contextual"),
        (DOES_NOT, 0.01, "abstain"),
    ],
)
def test_the_four_quadrants(said, support, plan):
    assert Policy().before(said, support, has_passages=True) == plan


def test_passages_count_as_support_where_nobody_says_otherwise():
    assert Policy().before(DOES_NOT, None, has_passages=True) == "contextual"


@pytest.mark.parametrize("support", [None, 0.0, 0.9])
def test_support_without_passages_is_none(support):
    assert Policy().before(KNOWS, support, has_passages=False) == "parametric"
    assert Policy().before(DOES_NOT, support, has_passages=False) == "abstain"


def test_the_thresholds_themselves_are_enough():
    policy = Policy(min_support=0.4, min_confidence=0.5)
    assert policy.before(verdict(0.5), 0.4, has_passages=True) == "contrast"
    assert policy.before(verdict(0.49), 0.39, has_passages=True) == "abstain"


def test_without_support_memory_answers_from_the_least_confidence_on():
    policy = Policy(min_confidence=0.3)
    assert policy.before(verdict(0.3), 0.0, has_passages=True) == "parametric"
    assert policy.before(verdict(0.29), 0.0, has_passages=True) == "abstain"


def test_an_unsure_answer_from_passages_gives_way_to_memory_or_nothing():
    policy = Policy(min_confidence=0.3)
    assert policy.settle("contextual", p_know=0.9, confidence=0.3) == "contextual"
    assert policy.settle("contextual", p_know=0.3, confidence=0.29) == "parametric"
    assert policy.settle("contextual", p_know=0.29, confidence=0.29) == "abstain"
    assert Policy(abstain=False).settle("contrast", p_know=0.0, confidence=0.0) == "contrast"


def test_who_may_not_abstain_answers_from_memory():
    assert Policy(abstain=False).before(DOES_NOT, None, has_passages=False) == "parametric"
    assert Policy(abstain=False).before(DOES_NOT, 0.9, has_passages=True) == "contextual"


def test_a_gate_without_threshold_knows_where_it_would_not_retrieve():
    assert Policy().knows(verdict(0.9, threshold=None))
    assert not Policy().knows(verdict(0.1, threshold=None))


def test_streams_agree_below_the_limit_and_never_at_zero():
    assert Policy(agreement_nats=0.1).agree(0.09)
    assert not Policy(agreement_nats=0.1).agree(0.1)
    assert not Policy().agree(0.0)


def test_unfitted_sureness_is_support_times_the_geometric_mean():
    logprobs = [[math.log(0.9), math.log(0.4)], [math.log(0.5)]]
    assert Sureness()([0.8, 1.0], logprobs) == pytest.approx([0.8 * (0.9 * 0.4) ** 0.5, 1.0 * 0.5])
    assert not Sureness().fitted


def test_an_empty_answer_is_not_sure_at_all():
    assert Sureness()([0.9], [[]]) == [0.0]
    assert Sureness(curve=(1.0, 1.0, 1.0, 5.0))([0.9], [[]]) == [0.0]


def test_no_answers_are_no_probabilities():
    assert Sureness()([], []) == []
    assert Sureness(curve=(1.0, 1.0, 1.0, 0.0))([], []) == []


def test_fitted_sureness_is_a_logistic_curve_of_three_log_odds():
    curve = (0.5, 1.0, 2.0, -1.0)
    p = Sureness(curve=curve)([0.8], [[math.log(0.9), math.log(0.4)]])
    z = 0.5 * logit(0.8) + 1.0 * logit(0.4) + 2.0 * logit((0.9 * 0.4) ** 0.5) - 1.0
    assert p == pytest.approx([1 / (1 + math.exp(-z))])


def test_sureness_learns_to_trust_support():
    random = np.random.default_rng(2)
    supports = random.uniform(0.05, 0.95, 300)
    right = random.random(300) < supports
    logprobs = [[math.log(p)] for p in random.uniform(0.2, 0.9, 300)]
    fitted = Sureness().fit(supports.tolist(), logprobs, right.tolist())
    low, high = fitted([0.1, 0.9], [[math.log(0.5)]] * 2)
    assert low < 0.3 < 0.7 < high
    with pytest.raises(DataError):
        Sureness().fit([0.5], [[-1.0]], [True])


def test_an_artefact_brings_the_curve_back():
    learned = Sureness(curve=(0.5, 1.0, 2.0, -1.0))
    card = Card(method="decoder/plain", model="m", model_fingerprint="f")
    assert Sureness().with_artefact(learned.to_artefact(card)) == learned
