from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from stand_ins import WORDS, hit

from rag_router.errors import SettingsError
from rag_router.filters import run_filters
from rag_router.filters.budget import BudgetFilter
from rag_router.filters.redundancy import RedundancyFilter
from rag_router.filters.threshold import ThresholdFilter


@dataclass(frozen=True)
class Supports:
    """Says of each passage what its text says: a number, or nothing."""

    fitted = True

    def judge(self, questions, judged, context):
        del questions, context
        return [
            [replace(j, support=self._number(j), kept=self._number(j) != 0.0) for j in line]
            for line in judged
        ]

    @staticmethod
    def _number(one):
        text = one.hit.passage.text
        return float(text) if text else None


def evidence(filters, *texts, similarity=None):
    hits = [hit(text, str(n), rank=n + 1, similarity=similarity) for n, text in enumerate(texts)]
    return run_filters(filters, ["q"], [hits], WORDS)[0]


def test_a_filter_that_asks_the_model_is_told_where_none_is_at_hand():
    with pytest.raises(SettingsError, match="'notes' asks the generator, and none is at hand"):
        WORDS.asked_of("notes")


def test_without_filters_everything_is_kept_and_nobody_vouches_for_it():
    out = evidence([], "a", "b")
    assert (len(out.kept), out.support) == (2, None)


def test_support_is_that_of_the_best_passage_that_is_kept():
    assert evidence([Supports()], "0.2", "0.7", "0.4").support == 0.7
    # The budget drops the best one, so that it no longer counts.
    assert evidence([Supports(), BudgetFilter(passages=1)], "0.2", "0.7").support == 0.2


def test_passages_of_unknown_support_leave_it_unknown_unless_another_is_known():
    assert evidence([Supports()], "").support is None
    assert evidence([Supports()], "", "0.3").support == 0.3


def test_where_everything_was_dropped_there_is_no_support():
    out = evidence([Supports()], "0.0", "0.0")
    assert (out.kept, out.support) == ((), 0.0)


def test_where_nothing_was_found_nothing_is_known():
    out = evidence([Supports()])
    assert (out.judged, out.support) == ((), None)


def test_the_dropped_stay_in_sight_with_their_reasons_in_the_order_of_rank():
    chain = [ThresholdFilter(min_support=0.5), RedundancyFilter(), BudgetFilter(passages=1)]
    out = evidence(chain, "Rome is old.", "rome is old", "Oslo.", similarity=0.8)
    assert [j.hit.rank for j in out.judged] == [1, 2, 3]
    assert [j.why for j in out.judged] == [
        "support 0.90 reaches 0.50",
        "repeats passage 0",
        "only the best 1 are read",
    ]
    assert out.support == pytest.approx((1 + 0.8) / 2)


def test_no_questions_are_no_evidence():
    assert run_filters([Supports()], [], [], WORDS) == []
