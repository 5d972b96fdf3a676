"""Experts that say how likely they know, asked from cheap to dear, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from made_outcomes import LAW, NEWS, card, context, lesson, names, scores

from rag_router.errors import DataError
from rag_router.experts.routing.self_knowledge import SelfKnowledgeRouter
from rag_router.experts.routing.stacked import StackedRouter

CHEAP, DEAR = card("cheap", parameters=1), card("dear", parameters=4)


class Experts:
    """Say what they were told to say, and note who was asked about which rows."""

    def __init__(self, **said):
        self.said = said
        self.asked = []

    def __call__(self, name, rows):
        self.asked.append((name, list(rows)))
        return [self.said[name][row] for row in rows]


def rank(router, experts, *, questions=2, cards=(CHEAP, DEAR), unfitted=()):
    given = replace(context(p_know=experts), calibrated=lambda name: name not in unfitted)
    return router.rank(["q"] * questions, cards, given)


def test_the_surest_expert_is_asked_to_answer():
    found = rank(SelfKnowledgeRouter(), Experts(cheap=(0.4, 0.8), dear=(0.7, 0.6)))
    assert names(found) == [["dear", "cheap"], ["cheap", "dear"]]
    assert scores(found[0]) == {"dear": 0.7, "cheap": 0.4}
    assert found[0][0].why == "knows with probability 0.70"


def test_the_price_is_taken_off_in_proportion_to_the_dearest():
    # Prices of 1/4 and 1: 0.4 - 0.2/4 = 0.35 against 0.5 - 0.2 = 0.3.
    experts = Experts(cheap=(0.4,), dear=(0.5,))
    found = rank(SelfKnowledgeRouter(price_weight=0.2), experts, questions=1)
    assert scores(found[0]) == {"cheap": pytest.approx(0.35), "dear": pytest.approx(0.3)}
    assert found[0][0].name == "cheap"


def test_of_equally_sure_experts_the_cheaper_one_answers():
    experts = Experts(cheap=(0.5,), dear=(0.5,))
    assert rank(SelfKnowledgeRouter(), experts, questions=1, cards=(DEAR, CHEAP))[0][0].name == (
        "cheap"
    )


def test_the_next_is_asked_only_while_it_can_be_worth_its_cost():
    # The dear one could bring 1 - 0.9 = 0.1 and 1 - 0.3 = 0.7, and asking it costs 0.2.
    experts = Experts(cheap=(0.9, 0.3), dear=(1.0, 0.8))
    found = rank(SelfKnowledgeRouter(asking_weight=0.2), experts)
    assert experts.asked == [("cheap", [0, 1]), ("dear", [1])]
    assert names(found) == [["cheap", "dear"], ["dear", "cheap"]]
    assert found[0][1].why.startswith("not asked")
    # Whoever was not asked stands behind all that were.
    assert found[0][1].score < found[0][0].score


def test_everybody_is_asked_from_cheap_to_dear_where_asking_is_free():
    experts = Experts(cheap=(0.9,), dear=(0.1,), middle=(0.2,))
    cards = (DEAR, card("middle", parameters=2), CHEAP)
    rank(SelfKnowledgeRouter(), experts, questions=1, cards=cards)
    assert [name for name, _ in experts.asked] == ["cheap", "middle", "dear"]


def test_who_cannot_tell_is_preferred_to_nobody_who_can():
    experts = Experts(cheap=(math.nan,), dear=(0.1,))
    assert names(rank(SelfKnowledgeRouter(), experts, questions=1)) == [["dear", "cheap"]]


# --- gates that were not fitted -----------------------------------------------------------------


def test_a_number_that_is_not_calibrated_outranks_none_that_is():
    experts = Experts(cheap=(0.91, 0.2), dear=(0.3, 0.75))
    found = rank(SelfKnowledgeRouter(), experts, unfitted=["cheap"])
    assert names(found) == [["dear", "cheap"]] * 2
    # 0.91 - 2 and 0.2 - 2.
    assert scores(found[0]) == {"dear": 0.3, "cheap": pytest.approx(-1.09)}
    assert scores(found[1]) == {"dear": 0.75, "cheap": pytest.approx(-1.8)}
    assert [one.why for one in found[0]] == [
        "knows with probability 0.30",
        "says 0.91, but its gate is not fitted: it comes after those whose is",
    ]


def test_no_price_bridges_that_either():
    # The fitted one costs all it can: 0 - 3 = -3, and 1 - 3/4 - (2 + 3) = -4.75.
    experts = Experts(cheap=(1.0,), dear=(0.0,))
    found = rank(SelfKnowledgeRouter(price_weight=3.0), experts, questions=1, unfitted=["cheap"])
    assert scores(found[0]) == {"dear": pytest.approx(-3.0), "cheap": pytest.approx(-4.75)}


def test_among_themselves_they_are_ordered_by_what_they_say():
    cards = (CHEAP, card("middle", parameters=2), DEAR)
    experts = Experts(cheap=(0.4,), middle=(0.6,), dear=(0.1,))
    found = rank(
        SelfKnowledgeRouter(), experts, questions=1, cards=cards, unfitted=["cheap", "middle"]
    )
    assert names(found) == [["dear", "middle", "cheap"]]
    all_of_them = ["cheap", "middle", "dear"]
    found = rank(SelfKnowledgeRouter(), experts, questions=1, cards=cards, unfitted=all_of_them)
    assert scores(found[0]) == {"middle": 0.6, "cheap": 0.4, "dear": 0.1}
    assert found[0][0].why == "says 0.60, but its gate is not fitted"


def test_who_cannot_tell_comes_after_who_says_something():
    experts = Experts(cheap=(math.nan,), dear=(0.1,), middle=(0.3,))
    cards = (CHEAP, card("middle", parameters=2), DEAR)
    found = rank(SelfKnowledgeRouter(), experts, questions=1, cards=cards, unfitted=["middle"])
    assert names(found) == [["dear", "middle", "cheap"]]
    assert found[0][2].why == "cannot tell what it knows"


def test_a_number_that_is_not_calibrated_keeps_nobody_from_being_asked():
    # A calibrated 0.95 would: 1 - 0.95 = 0.05 < 0.2.
    experts = Experts(cheap=(0.95,), dear=(0.5,))
    found = rank(SelfKnowledgeRouter(asking_weight=0.2), experts, questions=1, unfitted=["cheap"])
    assert experts.asked == [("cheap", [0]), ("dear", [0])]
    assert names(found) == [["dear", "cheap"]]


# --- learned ------------------------------------------------------------------------------------

# Forty questions. The lawyer says what holds: 0.9 where it is right on nine of ten, 0.1 where it
# is right on one of ten. The reporter always says 0.8, and is right on half.
SAID = np.array([[0.9, 0.8]] * 20 + [[0.1, 0.8]] * 20)
RIGHT = np.array(
    [[float(n % 10 != 0), float(n % 2)] for n in range(20)]
    + [[float(n % 10 == 0), float(n % 2)] for n in range(20)]
)
TAUGHT = lesson(each=20, right=RIGHT, p_know=SAID)
LAWYER, REPORTER = card("lawyer", parameters=1), card("reporter", parameters=2)


def test_what_tells_nothing_is_worth_the_mean_accuracy():
    router = SelfKnowledgeRouter().fit(TAUGHT)
    experts = Experts(lawyer=(0.9, 0.1), reporter=(0.8, 0.95))
    found = rank(router, experts, cards=(LAWYER, REPORTER))
    assert names(found) == [["lawyer", "reporter"], ["reporter", "lawyer"]]
    # The reporter is right on half, whatever it says: it is not asked where the lawyer is sure.
    assert "not asked" in found[0][1].why
    assert scores(found[1])["reporter"] == pytest.approx(0.5)
    # 18 of 20 and 2 of 20, with Platt's targets of 21/22 and 1/22 in place of 1 and 0.
    assert scores(found[0])["lawyer"] == pytest.approx(0.9 * 21 / 22 + 0.1 / 22, abs=1e-4)
    assert scores(found[1])["lawyer"] == pytest.approx(0.1 * 21 / 22 + 0.9 / 22, abs=1e-4)


def test_what_the_next_may_say_is_learned_from_like_questions():
    router = SelfKnowledgeRouter(asking_weight=0.05).fit(TAUGHT)
    experts = Experts(lawyer=(0.9, 0.1), reporter=(0.8, 0.8))
    rank(router, experts, cards=(LAWYER, REPORTER))
    # Where the lawyer says 0.9 the reporter's 0.5 brings nothing; else it brings 0.4 > 0.05.
    assert experts.asked == [("lawyer", [0, 1]), ("reporter", [1])]


def test_who_cannot_tell_is_worth_its_mean_accuracy_once_that_is_known():
    router = SelfKnowledgeRouter().fit(TAUGHT)
    experts = Experts(lawyer=(math.nan,), reporter=(0.8,))
    found = rank(router, experts, questions=1, cards=(LAWYER, REPORTER))
    assert scores(found[0])["lawyer"] == pytest.approx(0.5)


def test_whose_gate_is_not_fitted_is_worth_its_mean_accuracy_once_that_is_known():
    router = SelfKnowledgeRouter().fit(TAUGHT)
    experts = Experts(lawyer=(0.99, 0.99), reporter=(0.8, 0.8))
    found = rank(router, experts, cards=(LAWYER, REPORTER), unfitted=["lawyer"])
    # 18 of 20 and 2 of 20: 20 of 40, whatever it says; the reporter is right on half, too.
    assert scores(found[0])["lawyer"] == pytest.approx(0.5)
    lawyer = next(one for one in found[0] if one.name == "lawyer")
    assert lawyer.why == "right on 0.50 of what was learned from: its gate is not fitted"


def test_a_word_that_is_not_calibrated_is_not_stacked():
    router = StackedRouter().fit(TAUGHT)
    cards = (LAWYER, REPORTER)
    heard = [
        router.rank(["q"], cards, replace(context(LAW, p_know=said), calibrated=calibrated))[0]
        for said, calibrated in (
            (Experts(lawyer=(0.99,), reporter=(0.8,)), lambda name: name != "lawyer"),
            (Experts(lawyer=(math.nan,), reporter=(0.8,)), lambda name: True),
        )
    ]
    assert scores(heard[0]) == scores(heard[1])


@pytest.mark.parametrize("router", [SelfKnowledgeRouter(), StackedRouter()])
def test_it_learns_from_what_experts_say_alone(router):
    with pytest.raises(DataError, match="nobody asked"):
        router.fit(lesson(each=20))


def test_both_an_experts_word_and_like_questions_count():
    # The lawyer is right on law, and there more often where it says so.
    right = np.array(
        [[float(n < 18), 0.0] for n in range(20)]
        + [[float(n < 2), float(n < 12)] for n in range(20)]
    )
    said = np.array([[0.9, 0.3]] * 18 + [[0.2, 0.3]] * 2 + [[0.9, 0.6]] * 2 + [[0.2, 0.6]] * 18)
    router = StackedRouter().fit(lesson(each=20, right=right, p_know=said))
    experts = Experts(lawyer=(0.9, 0.2, 0.9), reporter=(0.5, 0.5, 0.5))
    found = router.rank(["q"] * 3, (LAWYER, REPORTER), context(LAW, LAW, NEWS, p_know=experts))
    lawyer = [scores(ranking)["lawyer"] for ranking in found]
    assert lawyer[0] > lawyer[1]
    assert lawyer[0] > lawyer[2]


def test_no_word_of_one_expert_enters_the_figure_of_another():
    router = StackedRouter().fit(TAUGHT)
    one = Experts(lawyer=(0.9,), reporter=(0.1,))
    other = Experts(lawyer=(0.9,), reporter=(0.9,))
    both = [
        router.rank(["q"], (LAWYER, REPORTER), context(LAW, p_know=said))[0]
        for said in (one, other)
    ]
    assert scores(both[0])["lawyer"] == scores(both[1])["lawyer"]
    alone = Experts(lawyer=(0.9,))
    found = router.rank(["q"], (LAWYER,), context(LAW, p_know=alone))[0]
    # Who may not be used is not asked either.
    assert alone.asked == [("lawyer", [0])]
    assert scores(found)["lawyer"] == scores(both[0])["lawyer"]
