from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from stand_ins import WORDS, hit

from rag_router.errors import CancelledError, SettingsError
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


@dataclass(frozen=True)
class DropsTheBest:
    """Drops the passage with most support."""

    fitted = True

    def judge(self, questions, judged, context):
        del questions, context
        best = [max(one.support for one in line) for line in judged]
        return [
            [replace(one, kept=one.support < most) for one in line]
            for line, most in zip(judged, best, strict=True)
        ]


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
    # What is dropped no longer counts.
    assert evidence([Supports(), DropsTheBest()], "0.2", "0.7").support == 0.2


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


@dataclass(frozen=True)
class Fails:
    """Raises where a passage says so, and drops what it can judge."""

    error: Exception
    guards: str = "bad words"
    fitted = True

    def judge(self, questions, judged, context):
        del questions, context
        if any("raise" in j.hit.passage.text for line in judged for j in line):
            raise self.error
        return [list(line) for line in judged]


@dataclass(frozen=True)
class Fallible:
    """Raises where a passage says so, and guards against nothing."""

    error: Exception = field(default_factory=lambda: ValueError("secret"))
    fitted = True

    def judge(self, questions, judged, context):
        return Fails(self.error).judge(questions, judged, context)


@dataclass(frozen=True)
class Rewrites:
    """Puts another text in the place of every passage."""

    text: str
    fitted = True

    def judge(self, questions, judged, context):
        del questions, context
        return [[replace(j, hit=hit(self.text, j.hit.passage.id)) for j in line] for line in judged]


def test_a_filter_that_raises_is_left_out_and_the_evidence_says_so():
    out = evidence([Fallible(), BudgetFilter(passages=1)], "raise", "b")
    assert [j.kept for j in out.judged] == [True, False]
    assert [(n.stage, n.what) for n in out.notes] == [
        ("filter", "Fallible was left out: ValueError")
    ]


def test_one_question_does_not_take_a_filter_from_another():
    lines = [[hit("raise")], [hit("fine")]]
    first, second = run_filters([Fallible()], ["q", "r"], lines, WORDS)
    assert (len(first.notes), len(second.notes)) == (1, 0)


def test_where_a_guard_raises_the_passage_that_it_cannot_judge_is_dropped():
    out = evidence([Fails(ValueError())], "raise", "b")
    assert [(j.kept, j.why) for j in out.judged] == [
        (False, "it could not be guarded against bad words"),
        (True, "kept"),
    ]
    assert len(out.notes) == 1


def test_guards_go_before_all_other_filters():
    # The budget would keep the first passage; the guard has dropped it before.
    out = evidence([BudgetFilter(passages=1), Fails(ValueError())], "raise", "b")
    assert [j.kept for j in out.judged] == [False, True]


def test_a_filter_that_makes_a_passage_longer_is_left_out():
    out = evidence([Rewrites("one two three")], "one two")
    assert out.judged[0].hit.passage.text == "one two"
    assert [n.what for n in out.notes] == ["Rewrites was left out: ValueError"]
    assert evidence([Rewrites("one")], "one two").judged[0].hit.passage.text == "one"


@pytest.mark.parametrize("error", [SettingsError("wrong"), CancelledError("enough")])
def test_what_is_no_failure_of_a_filter_is_raised(error):
    with pytest.raises(type(error)):
        evidence([Fallible(error)], "raise")


def test_whoever_measures_hears_of_what_a_filter_raises():
    with pytest.raises(ValueError, match="secret"):
        run_filters([Fallible()], ["q"], [[hit("raise")]], WORDS, strict=True)
