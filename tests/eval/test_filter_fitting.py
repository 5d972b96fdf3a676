from __future__ import annotations

import math

import numpy as np
import pytest
from stand_ins import WORDS, hit, question

from rag_router.errors import DataError
from rag_router.eval.filter_fitting import Taught, fit_filter, least_support
from rag_router.filters.learned import LearnedFilter
from rag_router.filters.learned_of import Prints
from rag_router.filters.scored import ScoredFilter
from rag_router.scoring import normalise

BOUND = Prints("print", None, "embedder")


class SharedWordsFilter(ScoredFilter):
    """The figure is how many of the question's words a passage holds."""

    def raw(self, questions, judged, context):
        return [
            [
                float(len(set(normalise(asked).split()) & set(normalise(text).split())))
                for text in (one.hit.passage.text for one in line)
            ]
            for asked, line in zip(questions, judged, strict=True)
        ]


def taught(count=120):
    asked = [
        question(f"what colour has thing {n}", str(n), answers=(f"red{n}",)) for n in range(count)
    ]
    hits = [
        [
            hit(f"Thing {n} has the colour red{n}." if n % 3 else f"A thing: {n}.", f"a{n}"),
            hit("Of other things they speak.", f"b{n}", rank=2),
        ]
        for n in range(count)
    ]
    return Taught(questions=asked, hits=hits, sets=[f"set{n % 2}" for n in range(count)])


def test_a_curve_is_fitted_to_one_half_and_told_of_on_the_other():
    artefact = fit_filter("shared", SharedWordsFilter(), taught(), BOUND, lambda some: WORDS)
    card = artefact.card
    assert (card.method, card.model, card.model_fingerprint) == (
        "filter/shared",
        "embedder",
        "print",
    )
    assert card.notes["train"] + card.notes["held_out"] == 120
    # What holds an answer shares three words at least, and nothing else does.
    assert card.metrics["auroc"] == 1
    assert card.metrics["answers_kept"] == 1
    assert card.notes["auroc_by_set"] == {"set0": 1, "set1": 1}
    assert card.threshold_goal == "keeps 97% of answers"
    assert SharedWordsFilter().with_artefact(artefact).support(5.0) > card.threshold


def test_a_filter_of_many_figures_learns_too_and_tells_of_sets_it_has_not_seen():
    heard = []
    artefact = fit_filter(
        "learned",
        LearnedFilter(),
        taught(),
        BOUND,
        lambda some: WORDS,
        min_support=0.2,
        transfer=True,
        on_progress=lambda done, of: heard.append((done, of)),
    )
    assert artefact.card.threshold == 0.2
    assert artefact.card.threshold_goal == "set"
    assert artefact.card.metrics["auroc"] > 0.95
    assert min(artefact.card.notes["auroc_untaught_set"].values()) > 0.95
    assert heard[-1] == (120, 120)


def test_the_least_support_loses_no_more_questions_than_it_may():
    # Best helpful passages: question 0 has 0.5, 1 has 0.2, 2 has 0.9, 3 none.
    p = np.array([0.5, 0.4, 0.2, 0.9, 0.99])
    helpful = np.array([True, True, True, True, False])
    owner = np.array([0, 0, 1, 2, 3])
    assert least_support(p, helpful, owner, keep=1.0) == 0.2
    assert least_support(p, helpful, owner, keep=0.97) == 0.2
    # A third of the three may be lost: that is one, the one of 0.2.
    assert least_support(p, helpful, owner, keep=2 / 3) == 0.5
    with pytest.raises(DataError, match="no passage holds"):
        least_support(p, np.zeros(5, dtype=bool), owner)


def test_a_few_questions_are_too_few():
    with pytest.raises(DataError, match="too few"):
        fit_filter("shared", SharedWordsFilter(), taught(20), BOUND, lambda some: WORDS)


def test_passages_with_nothing_to_say_are_left_out():
    class Mute(SharedWordsFilter):
        def raw(self, questions, judged, context):
            found = super().raw(questions, judged, context)
            return [[line[0], math.nan] for line in found]

    card = fit_filter("mute", Mute(), taught(), BOUND, lambda some: WORDS).card
    assert card.metrics["n"] == card.notes["held_out"]


def test_what_a_filter_before_said_is_heard_and_what_it_dropped_is_learned_from():
    heard = []

    class Listening(SharedWordsFilter):
        def raw(self, questions, judged, context):
            heard.extend((one.kept, one.support) for line in judged for one in line)
            return super().raw(questions, judged, context)

    # Unfitted, it says sigmoid(shared words), and drops below what it is told to.
    strict = SharedWordsFilter(min_support=0.9)
    fit_filter("mine", Listening(), taught(), BOUND, lambda some: WORDS, before=(strict,))
    assert len(heard) == 240
    # "Of other things they speak." shares no word with the question.
    assert heard[1] == (True, 0.5)
