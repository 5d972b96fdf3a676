from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import WORDS, judged

from rag_router.filters.redundancy import RedundancyFilter


def run(filter_, *texts):
    return filter_.judge(["q"], [judged(*texts)], WORDS)[0]


def kept(filter_, *texts):
    return [one.hit.passage.id for one in run(filter_, *texts) if one.kept]


def test_containment_by_hand():
    # Pairs of words: {one two, two three, three four} and {two three, three four, four five}.
    # Two are shared, the smaller set has three.
    pairs = RedundancyFilter(shingle=2)
    assert pairs.containment("one two three four", "two three four five") == 2 / 3


def test_a_text_within_a_longer_one_is_contained_whole():
    # {two three} of the smaller set of one.
    assert RedundancyFilter(shingle=2).containment("two three", "one two three four five") == 1 / 1


def test_texts_shorter_than_a_shingle_are_one_shingle_of_their_own_length():
    four = RedundancyFilter(shingle=4)
    assert four.containment("Rome", "rome!") == 1.0
    assert four.containment("Rome", "Oslo") == 0.0


def test_texts_of_nothing_repeat_nothing():
    assert RedundancyFilter().containment("", "") == 0.0
    assert RedundancyFilter().containment("?", "the") == 0.0


@given(st.text("ab ", max_size=20), st.text("ab ", max_size=20))
def test_containment_is_symmetric_and_a_share(left, right):
    filter_ = RedundancyFilter(shingle=2)
    assert filter_.containment(left, right) == filter_.containment(right, left)
    assert 0.0 <= filter_.containment(left, right) <= 1.0


def test_the_best_ranked_of_two_that_repeat_each_other_stays():
    out = run(
        RedundancyFilter(), "Rome is on the Tiber river.", "rome is on the tiber RIVER", "Oslo"
    )
    assert [one.kept for one in out] == [True, False, True]
    assert out[1].why == "repeats passage a"


def test_the_threshold_itself_drops():
    texts = ("one two three four", "two three four five")  # 2 / 3, see above
    assert kept(RedundancyFilter(shingle=2, threshold=2 / 3), *texts) == ["a"]
    assert kept(RedundancyFilter(shingle=2, threshold=0.67), *texts) == ["a", "b"]


def test_what_was_dropped_already_hides_nothing():
    line = judged("the same words again", "the same words again")
    line[0] = type(line[0])(hit=line[0].hit, kept=False, why="not similar")
    out = RedundancyFilter().judge(["q"], [line], WORDS)[0]
    assert [one.kept for one in out] == [False, True]
    assert out[0].why == "not similar"


def test_questions_do_not_see_each_others_passages():
    out = RedundancyFilter().judge(["q", "r"], [judged("same"), judged("same")], WORDS)
    assert [[one.kept for one in line] for line in out] == [[True], [True]]


def test_it_needs_no_fitting():
    assert RedundancyFilter().fitted


@pytest.mark.parametrize("nothing", [[], [[]]])
def test_nothing_in_nothing_out(nothing):
    assert RedundancyFilter().judge([""] * len(nothing), nothing, WORDS) == nothing
