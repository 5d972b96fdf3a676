from __future__ import annotations

import numpy as np
import pytest

from rag_router.artefacts import Card
from rag_router.errors import DataError
from rag_router.verify.likelihood import LikelihoodVerifier
from rag_router.verify.ratios import Ratios

CARD = Card(method="verifier/likelihood", model="m", model_fingerprint="f")


def ratios(rise=0.0, drop=0.0, *, stands=True, mean=-0.2):
    return Ratios(mean=mean, least=mean, rise=rise, drop=drop, stands=stands, words=2)


def taught(n=30):
    """Claims of three kinds, each with some noise of its own."""
    random = np.random.default_rng(0)
    rows, labels = [], []
    for label, rise, drop in (
        ("grounded", 3.0, 3.0),
        ("not_grounded", 2.0, 0.0),
        ("retrieval_error", -1.0, 0.0),
    ):
        for _ in range(n):
            a, b = random.normal(0, 0.6, size=2)
            rows.append(ratios(rise + a, drop + b))
            labels.append(label)
    return rows, labels


@pytest.mark.parametrize(
    ("found", "label"),
    [
        (ratios(2.0, 2.0), "grounded"),
        (ratios(2.0, 0.1), "not_grounded"),
        (ratios(2.0, 2.0, stands=False), "not_grounded"),
        (ratios(0.1, 0.1), "retrieval_error"),
    ],
)
def test_the_rule_until_something_is_learned(found, label):
    verifier = LikelihoodVerifier()
    assert not verifier.fitted
    assert verifier._by_rule(found).label == label


def test_the_rule_ranks_what_stands_first_and_then_what_drops_most():
    rule = LikelihoodVerifier()._by_rule
    ranks = [rule(one).grounded for one in (ratios(), ratios(0, 2), ratios(0, 2, stands=False))]
    assert ranks[1] > ranks[0] > ranks[2]
    assert all(0 <= rank <= 1 for rank in ranks)


def test_the_confusion_of_synthetic_claims_is_nearly_diagonal():
    rows, labels = taught()
    p = LikelihoodVerifier().fit(rows, labels).probabilities(rows)
    names = ("retrieval_error", "not_grounded", "grounded")
    right = np.mean(
        [names[int(row.argmax())] == label for row, label in zip(p, labels, strict=True)]
    )
    assert right > 0.9
    assert p.sum(axis=1) == pytest.approx(1.0)


def test_the_threshold_says_what_is_accepted():
    verifier = LikelihoodVerifier(
        min_grounded=0.9, grounded=(0, 0, 0, 0, 0, 0, 0.0), holding=(0,) * 6 + (1.0,)
    )
    # Slopes of zero: P(grounded) = 1/2 for all, and P(holding) = 1 / (1 + 1/e) is more than half.
    assert verifier._learned(ratios()).label == "not_grounded"
    bold = LikelihoodVerifier(
        min_grounded=0.5, grounded=verifier.grounded, holding=verifier.holding
    )
    assert bold._learned(ratios()).label == "grounded"


def test_what_was_learned_comes_back_from_its_artefact():
    learned = LikelihoodVerifier().fit(*taught())
    assert LikelihoodVerifier().with_artefact(learned.to_artefact(CARD)) == learned


def test_all_three_cases_are_needed_to_learn():
    rows, labels = taught()
    some = [n for n, label in enumerate(labels) if label != "grounded"]
    with pytest.raises(DataError, match="both classes"):
        LikelihoodVerifier().fit([rows[n] for n in some], [labels[n] for n in some])


def test_before_learning_there_are_no_probabilities():
    with pytest.raises(ValueError, match="nothing was learned"):
        LikelihoodVerifier().probabilities([ratios()])
