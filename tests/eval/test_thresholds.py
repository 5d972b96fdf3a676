"""Thresholds that keep what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from rag_router.errors import UsageError
from rag_router.eval.thresholds import Goal, choose_threshold, parse_goal

P = np.array([0.9, 0.8, 0.6, 0.4, 0.2])
RIGHT = [True, True, False, True, False]


def test_even_retrieves_what_is_more_likely_wrong_than_right():
    assert choose_threshold("even", P, RIGHT) == 0.5


def test_a_budget_is_the_share_of_questions_below_the_threshold():
    # The 40 % quantile of five values stands at place 0.4 * 4 = 1.6 from below:
    # 0.4 + 0.6 * (0.6 - 0.4) = 0.52, and two of five lie below it.
    threshold = choose_threshold("budget=0.4", P, RIGHT)
    assert threshold == pytest.approx(0.52)
    assert (threshold > P).mean() == 0.4
    assert (choose_threshold("budget=0", P, RIGHT) > P).sum() == 0


def test_an_error_is_the_lowest_threshold_that_keeps_it():
    # From above, the share of wrong ones is 0/1, 0/2, 1/3, 1/4, 2/5.
    for goal, threshold in {
        "error<=0": 0.8,
        "error<=0.2": 0.8,
        "error<=0.25": 0.4,
        "error<=0.3": 0.4,
        "error<=0.4": 0.2,
        "error=0.3": 0.4,
    }.items():
        assert choose_threshold(goal, P, RIGHT) == threshold


def test_questions_of_equal_probability_stand_or_fall_together():
    # Above 0.9 nothing is wrong; of the three at 0.5, one is: 1/4, whichever came first.
    p = np.array([0.9, 0.5, 0.5, 0.5])
    for right in ([True, True, True, False], [True, False, True, True]):
        assert choose_threshold("error<=0", p, right) == 0.9
        assert choose_threshold("error<=0.25", p, right) == 0.5


@pytest.mark.parametrize("goal", ["error<=0.1", "error<=0.3", "error<=0.5"])
def test_the_error_above_the_threshold_is_what_was_asked_for(goal):
    random = np.random.default_rng(0)
    for _ in range(50):
        p = random.random(40)
        right = random.random(40) < p
        try:
            threshold = choose_threshold(goal, p, right.tolist())
        except UsageError:
            continue
        assert (~right[p >= threshold]).mean() <= float(goal.partition("<=")[2])


def test_an_error_that_cannot_be_reached_says_what_can():
    # 1/1, 1/2, 2/3: half is the least.
    with pytest.raises(UsageError, match=r"error at 0\.2") as caught:
        choose_threshold("error<=0.2", np.array([0.9, 0.8, 0.7]), [False, True, False])
    assert caught.value.hint == "The lowest error these questions reach is 0.50."


@pytest.mark.parametrize(
    "goal", ["", "evn", "even=1", "budget", "budget=2", "risk<=-0.1", "risk<=x", "error<=nan"]
)
def test_an_unknown_goal_is_told_which_there_are(goal):
    with pytest.raises(UsageError, match="no goal is called") as caught:
        parse_goal(goal)
    assert "budget=0.4" in caught.value.hint


def test_a_risk_counts_wrong_answers_from_memory_among_all_questions():
    # Five questions: (5 R + 1) / 6 <= 0.35 allows 5 R <= 1.1, one wrong answer. From above, the
    # wrong ones add up to 0, 0, 1, 1, 2: the lowest threshold with one is 0.4.
    assert choose_threshold("risk<=0.35", P, RIGHT) == 0.4
    # 0.5 allows 5 R <= 2: everything may be answered from memory.
    assert choose_threshold("risk<=0.5", P, RIGHT) == 0.2
    # 1/6 allows none wrong.
    assert choose_threshold("risk<=0.17", P, RIGHT) == 0.8


def test_where_even_the_surest_answer_is_too_risky_nothing_comes_from_memory():
    # Nine questions, none wrong allowed ((9 R + 1) / 10 <= 0.1), and the surest one is wrong.
    p, right = np.linspace(0.9, 0.1, 9), [False] + [True] * 8
    assert choose_threshold("risk<=0.1", p, right) == 1.0


def test_a_risk_below_one_in_n_and_one_cannot_be_promised():
    with pytest.raises(UsageError, match="5 questions cannot promise") as caught:
        choose_threshold("risk<=0.1", P, RIGHT)
    assert "0.1667" in caught.value.hint


def test_the_promised_risk_is_kept_on_questions_never_seen():
    # Probabilities that mean nothing at all: the promise must not depend on calibration.
    random = np.random.default_rng(7)
    losses = []
    for _ in range(2000):
        p, right = random.random(61), random.random(61) < 0.3
        threshold = choose_threshold("risk<=0.2", p[:60], right[:60])
        losses.append(p[60] >= threshold and not right[60])
    # The standard error of the mean is sqrt(0.2 * 0.8 / 2000) = 0.009.
    assert np.mean(losses) <= 0.2 + 2 * 0.009
    # It is not kept by answering nothing: the bound is within 1 / (n + 1) of what is allowed.
    assert np.mean(losses) >= 0.2 - 1 / 61 - 3 * 0.009


def test_a_goal_of_accuracy_spares_what_costs_nothing():
    helped = [True, False, True, False, True]
    # Always retrieving is right for 3 of 5. Memory at or above 0.9: T; 0.8: T T; 0.6: T T F;
    # so the rest comes from retrieval: 3/5, 4/5, 3/5, then 0.4: T T F T + T = 4/5, all: 3/5.
    assert choose_threshold("accuracy=always", P, RIGHT, helped) == 0.2
    assert parse_goal("accuracy=always-0.01") == Goal("accuracy", 0.01)


def test_a_goal_of_accuracy_needs_answers_with_retrieval():
    with pytest.raises(UsageError, match="needs answers with retrieval"):
        choose_threshold("accuracy=always-0.01", P, RIGHT)
