from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from stand_ins import WORDS, judged, question

from rag_router.artefacts import Card
from rag_router.errors import ArtefactError, DataError, SettingsError
from rag_router.filters import FilterContext, run_filters
from rag_router.filters.budget import BudgetFilter
from rag_router.filters.sufficiency import SufficiencyFilter
from rag_router.filters.threshold import ThresholdFilter
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board

CARD = Card(method="filter/sufficiency", model="e", model_fingerprint="f")
TEXTS = ("Oslo says a", "Rome says a", "Oslo says b", "mute")


def line(*supports, texts=TEXTS):
    some = judged(*texts[: len(supports)])
    return [replace(one, support=support) for one, support in zip(some, supports, strict=True)]


def figures(*supports, filter_=None, context=WORDS, **more):
    return (filter_ or SufficiencyFilter()).figures(["q"], [line(*supports, **more)], context)[0]


def reading():
    model = ScriptedModel(
        {"Oslo says": Reply("Oslo"), "Rome says": Reply("Rome"), "mute": Reply("")}
    )
    return FilterContext(len, Board(model, PromptStyle(shots=0), [question("q")]), (0,))


def test_the_figures_of_two_passages_by_hand():
    # Log-odds of 0.5; of 1 - (1 - 0.5)(1 - 0.2) = 0.6; and ln 2.
    assert figures(0.5, 0.2) == pytest.approx((0.0, math.log(0.6 / 0.4), math.log(2)))


def test_what_was_dropped_or_is_of_unknown_support_supports_nothing():
    some = [*line(0.5, 0.9)]
    some[1] = replace(some[1], kept=False)
    assert SufficiencyFilter().figures(["q"], [some], WORDS)[0] == pytest.approx((0.0, 0.0, 0.0))
    # A passage of unknown support is read, and counts among those kept.
    assert figures(0.5, None)[2] == pytest.approx(math.log(2))
    assert figures(None) is None
    assert figures() is None


def test_votes_count_where_passages_are_read_alone():
    asking = SufficiencyFilter(answers=True)
    # Oslo, Rome, Oslo and nothing: two of four agree, three of four answer.
    assert figures(0.5, 0.5, 0.5, 0.5, filter_=asking, context=reading())[3:] == (2 / 4, 3 / 4)
    with pytest.raises(SettingsError, match="'sufficiency' asks the generator"):
        figures(0.5, 0.5, filter_=asking)


def test_fitted_the_support_is_the_logistic_curve_of_the_figures():
    one = SufficiencyFilter(curve=(1.0, 0.5, -1.0, 0.25))
    expected = 1 / (1 + math.exp(-(0.0 + 0.5 * math.log(1.5) - math.log(2) + 0.25)))
    assert one.support(figures(0.5, 0.2)) == pytest.approx(expected)
    concluded = one.conclude(["q"], [line(0.5, 0.2)], WORDS)[0]
    assert concluded.support == pytest.approx(expected)
    assert list(concluded.judged) == line(0.5, 0.2)
    with pytest.raises(ValueError, match="2 figures and a curve of 4"):
        one.support((1.0, 2.0))


def test_unfitted_it_concludes_nothing_and_asks_nobody():
    context = reading()
    one = SufficiencyFilter(answers=True)
    assert one.conclude(["q"], [line(0.5, 0.5)], context)[0].support is None
    assert context.board.cost(0).forward_rows == 0
    assert not one.fitted


def evidence(*filters):
    hits = [one.hit for one in judged("a b", "c d", similarity=0.0)]
    return run_filters(filters, ["q"], [hits], WORDS)[0].support


def test_in_a_chain_it_replaces_the_support_of_the_best_passage():
    half = ThresholdFilter(curve=(1.0, 0.0))  # a cosine of 0 is a support of 0.5
    whole = SufficiencyFilter(curve=(0.0, 1.0, 0.0, 0.0))  # 1 - 0.5 * 0.5
    assert evidence(half) == 0.5
    assert evidence(half, whole) == pytest.approx(0.75)
    assert evidence(half, SufficiencyFilter()) == 0.5
    # What it said of two passages does not hold for the one that a later filter leaves.
    assert evidence(half, whole, BudgetFilter(passages=1)) == 0.5
    assert evidence(half, whole, BudgetFilter(passages=2)) == pytest.approx(0.75)


def test_fitting_finds_that_two_likely_passages_are_better_than_one():
    random = np.random.default_rng(3)
    supports = random.uniform(0.05, 0.95, (1500, 2))
    holds = random.random(1500) < 1 - (1 - supports).prod(axis=1)
    rows = [figures(*map(float, pair)) for pair in supports]
    fitted = SufficiencyFilter().fit(rows, holds.tolist())
    for pair, expected in (((0.5, 0.5), 0.75), ((0.2, 0.2), 0.36), ((0.9, 0.5), 0.95)):
        assert fitted.support(figures(*pair)) == pytest.approx(expected, abs=0.07)
    with pytest.raises(DataError):
        SufficiencyFilter().fit(rows[:1], [True])


def test_an_artefact_brings_the_curve_of_the_same_figures():
    artefact = SufficiencyFilter(curve=(1.0, 0.5, -1.0, 0.25)).to_artefact(CARD)
    assert SufficiencyFilter().with_artefact(artefact).curve == (1.0, 0.5, -1.0, 0.25)
    with pytest.raises(ArtefactError, match=r"needs a curve of 6 numbers, .* fitted with 4"):
        SufficiencyFilter(answers=True).with_artefact(artefact)
