from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from pydantic.dataclasses import dataclass
from stand_ins import WORDS, judged

from rag_router.artefacts import Card
from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.filters import Filter, FittedFilter
from rag_router.filters.scored import ScoredFilter

CARD = Card(method="filter/lengths", model="m", model_fingerprint="f", threshold=0.4)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LengthFilter(ScoredFilter):
    """The number of words is the figure; an empty passage has none."""

    least_words: int = 0
    options_kept = ("least_words",)

    def raw(self, questions, judged, context):
        return [
            [context.count_tokens(one.hit.passage.text) or math.nan for one in line]
            for line in judged
        ]


def run(filter_, *texts):
    return filter_.judge(["q"], [judged(*texts)], WORDS)[0]


def test_the_curve_turns_the_figure_into_a_probability():
    # Three words: 1 / (1 + exp(-(2 * 3 - 5))) = 1 / (1 + exp(-1)); one word: 1 / (1 + exp(3)).
    one, two = run(LengthFilter(curve=(2.0, -5.0)), "a b c", "a")
    assert one.support == pytest.approx(1 / (1 + math.exp(-1)))
    assert two.support == pytest.approx(1 / (1 + math.exp(3)))
    assert (one.kept, two.kept) == (True, False)
    assert one.why == "figure 3.00; support 0.73 reaches 0.10"
    assert two.why == "figure 1.00; support 0.05 is below 0.10"


def test_without_a_curve_the_figure_only_ranks():
    filter_ = LengthFilter()
    assert not filter_.fitted
    one, two = run(filter_, "a b", "a")
    assert one.support == pytest.approx(1 / (1 + math.exp(-2)))
    assert one.support > two.support
    assert one.kept
    assert two.kept
    assert two.why == "figure 1.00; support 0.73 reaches 0.00, not calibrated"
    assert not run(LengthFilter(min_support=0.8), "a")[0].kept


def test_what_only_ranks_leaves_the_support_of_an_earlier_filter():
    before = replace(judged("a b")[0], support=0.3)
    unfitted = LengthFilter().judge(["q"], [[before]], WORDS)[0][0]
    fitted = LengthFilter(curve=(0.0, 2.0)).judge(["q"], [[before]], WORDS)[0][0]
    assert unfitted.support == 0.3
    assert fitted.support == pytest.approx(1 / (1 + math.exp(-2)))


def test_where_there_is_nothing_to_say_the_passage_is_kept():
    one = run(LengthFilter(curve=(1.0, 0.0), min_support=1.0), "")[0]
    assert (one.kept, one.support) == (True, None)
    assert one.why == "kept: nothing is known to judge it by"


def test_what_is_dropped_already_stays_as_it_is():
    dropped = replace(judged("a b")[0], kept=False, why="before")
    assert LengthFilter().judge(["q"], [[dropped]], WORDS) == [[dropped]]


def test_fitting_finds_the_curve_and_leaves_out_what_says_nothing():
    random = np.random.default_rng(3)
    raw = random.normal(size=3000)
    helpful = random.random(3000) < 1 / (1 + np.exp(-(3 * raw - 1)))
    fitted = LengthFilter().fit([*raw.tolist(), math.nan], [*helpful.tolist(), True])
    assert fitted.fitted
    assert fitted.curve == pytest.approx((3.0, -1.0), abs=0.3)
    assert fitted == LengthFilter().fit(raw.tolist(), helpful.tolist())
    with pytest.raises(DataError):
        LengthFilter().fit([1.0, 2.0], [True, True])
    with pytest.raises(DataError):
        LengthFilter().fit([math.nan], [True])


def test_an_artefact_brings_back_curve_options_and_threshold():
    artefact = LengthFilter(curve=(2.0, -1.0), least_words=3).to_artefact(CARD)
    assert artefact.card.notes == {"least_words": 3}
    back = LengthFilter().with_artefact(artefact)
    assert back == LengthFilter(curve=(2.0, -1.0), least_words=3, min_support=0.4)
    assert LengthFilter(min_support=0.2).with_artefact(artefact).min_support == 0.2
    assert isinstance(back, Filter)
    assert isinstance(back, FittedFilter)
