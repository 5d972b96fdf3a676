from __future__ import annotations

import math

import numpy as np
import pytest
from stand_ins import WORDS, judged

from rag_router.artefacts import Card
from rag_router.errors import DataError
from rag_router.filters.threshold import ThresholdFilter

CARD = Card(method="filter/threshold", model="e", model_fingerprint="f", threshold=0.3)


def run(filter_, *similarities):
    line = [judged("text", similarity=s)[0] for s in similarities]
    return filter_.judge(["q"], [line], WORDS)[0]


def test_unfitted_support_is_half_of_one_plus_the_cosine_and_says_so():
    out = run(ThresholdFilter(min_support=0.7), 0.5, 0.3)
    assert [one.support for one in out] == [(1 + 0.5) / 2, (1 + 0.3) / 2]
    assert [one.kept for one in out] == [True, False]
    assert out[0].why == "support 0.75 reaches 0.70"
    assert out[1].why == "support 0.65 is below 0.70"
    assert not ThresholdFilter().fitted


def test_fitted_support_is_the_logistic_curve_of_the_cosine():
    filter_ = ThresholdFilter(curve=(10.0, -5.0))
    assert filter_.fitted
    assert filter_.support(0.5) == pytest.approx(0.5)
    assert filter_.support(0.7) == pytest.approx(1 / (1 + math.exp(-(10 * 0.7 - 5))))


def test_the_threshold_itself_is_enough():
    assert run(ThresholdFilter(min_support=0.75), 0.5)[0].kept


def test_without_a_threshold_a_tenth_is_enough():
    out = run(ThresholdFilter(), -0.79, -0.81)  # (1 - 0.79) / 2 = 0.105, (1 - 0.81) / 2 = 0.095
    assert [one.kept for one in out] == [True, False]


def test_a_passage_of_unknown_similarity_is_kept_and_says_so():
    out = run(ThresholdFilter(min_support=1.0), None)[0]
    assert (out.kept, out.support) == (True, None)
    assert out.why == "kept: no similarity is known to judge it by"


def test_what_was_dropped_already_is_not_judged_again():
    one = judged("text", similarity=0.9)[0]
    dropped = type(one)(hit=one.hit, kept=False, why="repeats")
    assert ThresholdFilter().judge(["q"], [[dropped]], WORDS) == [[dropped]]


def test_fitting_finds_the_cosine_that_separates():
    random = np.random.default_rng(5)
    cosines = random.uniform(0, 1, 2000)
    helpful = random.random(2000) < 1 / (1 + np.exp(-(12 * cosines - 6)))
    fitted = ThresholdFilter().fit(cosines.tolist(), helpful.tolist())
    assert fitted.support(0.5) == pytest.approx(0.5, abs=0.06)
    assert fitted.curve[0] == pytest.approx(12, rel=0.15)
    with pytest.raises(DataError):
        ThresholdFilter().fit([0.1], [True])


def test_an_artefact_brings_curve_and_threshold_but_not_over_a_threshold_set_by_hand():
    artefact = ThresholdFilter(curve=(3.0, -1.0)).to_artefact(CARD)
    assert ThresholdFilter().with_artefact(artefact) == ThresholdFilter(
        curve=(3.0, -1.0), min_support=0.3
    )
    assert ThresholdFilter(min_support=0.6).with_artefact(artefact).min_support == 0.6
