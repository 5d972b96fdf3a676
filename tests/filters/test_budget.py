from __future__ import annotations

from dataclasses import replace

from stand_ins import WORDS, judged

from rag_router.filters.budget import BudgetFilter
from rag_router.filters.sentences import cut_to


def run(filter_, *texts):
    return filter_.judge(["q"], [judged(*texts)], WORDS)[0]


def shown(filter_, *texts):
    return [one.hit.passage.text if one.kept else None for one in run(filter_, *texts)]


def test_only_the_best_passages_are_read():
    out = run(BudgetFilter(passages=2), "One.", "Two.", "Three.")
    assert [one.kept for one in out] == [True, True, False]
    assert out[2].why == "only the best 2 are read"


def test_the_passage_that_does_not_fit_is_cut_at_a_sentence_end():
    # Tokens are words: 2 of 6 are spent, 4 are left, and "Oslo is cold." takes 3 of them.
    out = run(BudgetFilter(tokens=6), "Rome stands.", "Oslo is cold. It lies north.")
    assert out[1].hit.passage.text == "Oslo is cold."
    assert out[1].why == "kept; cut to fit 6 tokens"
    assert out[0].why == "kept"
    assert (out[0].spans, out[1].spans) == ((), ((0, 13),))


def test_what_was_cut_to_sentences_before_still_says_where_they_were_found():
    cut = cut_to(judged("It rains. Oslo is cold. It lies north. Fog.")[0], [1, 2, 3], "cut")
    one = BudgetFilter(tokens=6).judge(["q"], [[cut]], WORDS)[0][0]
    assert one.hit.passage.text == "Oslo is cold. It lies north."
    assert one.spans == ((10, 38),)  # behind "It rains. ", 10 characters


def test_a_passage_without_a_sentence_that_fits_is_dropped_and_the_next_one_tried():
    out = run(BudgetFilter(tokens=4), "Rome stands.", "Oslo is very cold today.", "Bern too.")
    assert [one.kept for one in out] == [True, False, True]
    assert out[1].why == "no sentence fits the 2 tokens left of 4"


def test_a_budget_that_is_just_enough_cuts_nothing():
    assert shown(BudgetFilter(tokens=4), "One two.", "Three four.") == ["One two.", "Three four."]


def test_what_was_dropped_already_takes_no_room():
    line = judged("One two.", "Three four.")
    line[0] = type(line[0])(hit=line[0].hit, kept=False, why="repeats")
    out = BudgetFilter(passages=1, tokens=2).judge(["q"], [line], WORDS)[0]
    assert [one.kept for one in out] == [False, True]
    assert out[0].why == "repeats"


def test_an_empty_passage_is_not_read():
    assert [one.kept for one in run(BudgetFilter(), "", "Rome.")] == [False, True]


def supported(**by_text):
    return [replace(one, support=by_text[one.hit.passage.text]) for one in judged(*by_text)]


def kept(filter_, line):
    return [one.hit.passage.text for one in filter_.judge(["q"], [line], WORDS)[0] if one.kept]


def test_the_best_supported_are_taken_and_stay_in_their_order():
    line = supported(Rome=0.2, Oslo=0.1, Bern=0.4)
    assert kept(BudgetFilter(passages=2), line) == ["Rome", "Bern"]
    # The one with most support has the first call on the tokens.
    assert kept(BudgetFilter(tokens=1), line) == ["Bern"]


def test_no_more_are_taken_than_it_takes():
    line = supported(Rome=0.5, Oslo=0.8, Bern=0.3)
    # 1 - (1 - 0.8)(1 - 0.5) = 0.9, with rounding a hair below.
    assert kept(BudgetFilter(enough=0.89), line) == ["Rome", "Oslo"]
    assert kept(BudgetFilter(enough=0.91), line) == ["Rome", "Oslo", "Bern"]
    assert kept(BudgetFilter(enough=0.8), line) == ["Oslo"]
    out = BudgetFilter(enough=0.8).judge(["q"], [line], WORDS)[0]
    assert out[0].why == "the better ones hold the answer with probability 0.80"


def test_one_of_certain_support_is_enough_unless_all_are_asked_for():
    line = supported(Rome=1.0, Oslo=0.5)
    assert kept(BudgetFilter(), line) == ["Rome"]
    assert kept(BudgetFilter(enough=1.0), line) == ["Rome", "Oslo"]


def test_where_one_has_no_support_the_first_are_the_best():
    line = supported(Rome=0.1, Oslo=0.9, Bern=0.5)
    line[2] = replace(line[2], support=None)
    assert kept(BudgetFilter(passages=1), line) == ["Rome"]
    # What was dropped before does not matter.
    line[2] = replace(line[2], kept=False)
    assert kept(BudgetFilter(passages=1), line) == ["Oslo"]


def test_each_question_has_a_budget_of_its_own():
    out = BudgetFilter(tokens=2).judge(["q", "r"], [judged("One two.")] * 2, WORDS)
    assert [[one.kept for one in line] for line in out] == [[True], [True]]


def test_it_needs_no_fitting():
    assert BudgetFilter().fitted
