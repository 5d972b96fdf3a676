"""Asking one expert after another: the rule, and plans from what was recorded, by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from listed_answers import Listed
from stand_ins import question

from rag_router.artefacts import Artefact, Card
from rag_router.errors import ArtefactError, DataError, UnavailableError
from rag_router.experts.fusion.ballots import Ballot
from rag_router.experts.fusion.experience import Experience, Recorded
from rag_router.experts.fusion.frugal import FrugalFusion

RIVER, LAKE = question("Which river?", "1"), question("Which lake?", "2")


def listed(name, river, lake=("Como", 0.99)):
    return Listed(name, {RIVER.text: river, LAKE.text: lake})


def recorded(*lines):
    """Questions whose answers are written as (answer, confidence, right), one for each expert."""
    return Experience.of(
        "abc"[: len(lines[0])],
        [[Recorded(Ballot(said, sure), right) for said, sure, right in line] for line in lines],
    )


# Where `a` is sure it is right; where it is not, `b` is.
SURE = (("x", 0.9, True), ("x", 0.6, True))
UNSURE = (("x", 0.2, False), ("y", 0.6, True))
PAIR = recorded(SURE, SURE, UNSURE, UNSURE)


def planned(experience, *ballots, costs=(1.0, 1.0), price=0.1, neighbours=2):
    return experience.plan(
        list(ballots), costs, price=price, neighbours=neighbours, alternatives=10
    )


def test_by_rule_the_next_one_is_asked_while_more_may_be_wrong_than_it_costs():
    # 1 - 0.7 = 0.3 wrong at most; the dearest costs 0.25 of a right answer, then 0.35.
    for price, calls in ((0.25, 2), (0.35, 1)):
        experts = {"a": listed("a", ("Arno", 0.7)), "b": listed("b", ("Arno", 0.7))}
        answer = FrugalFusion(price=price).ask(experts, [RIVER])[0]
        assert answer.text == "Arno"
        assert len(answer.route.opinions) == calls
        assert sum(len(one.asked) for one in experts.values()) == calls


def test_by_rule_the_cheapest_comes_first_and_of_equally_dear_ones_the_first_named():
    experts = {name: listed(name, ("Arno", 0.99)) for name in "abc"}
    costs = {"a": 4.0, "b": 1.0, "c": 1.0}
    answer = FrugalFusion().ask(experts, [RIVER], costs=costs)[0]
    assert [one.expert for one in answer.route.opinions] == ["b"]
    assert answer.route.opinions[0].why.startswith("asked as number 1: 1.00 wrong so far")


def test_the_costs_are_counted_from_the_dearest():
    # `b` costs a tenth of `a`, so that its turn comes first, and `a` is worth 0.2 right answers:
    # with 1 - 0.85 = 0.15 wrong it is not asked, with 0.25 it is.
    for sure, calls in ((0.85, ["b"]), (0.75, ["a", "b"])):
        experts = {"a": listed("a", ("Arno", 0.9)), "b": listed("b", ("Arno", sure))}
        fusion, costs = FrugalFusion(price=0.2), {"a": 50.0, "b": 5.0}
        answer = fusion.ask(experts, [RIVER], costs=costs)[0]
        assert [one.expert for one in answer.route.opinions] == calls


def test_who_abstains_or_cannot_answer_is_followed_by_the_next_one():
    experts = {
        "a": Listed("a", {}, trouble="nobody home."),
        "b": listed("b", (None, 0.9)),
        "c": listed("c", ("Arno", 0.5)),
    }
    answer = FrugalFusion(price=0.9).ask(experts, [RIVER])[0]
    assert (answer.text, len(answer.route.opinions)) == ("Arno", 3)
    with pytest.raises(UnavailableError):
        FrugalFusion().ask({"a": experts["a"]}, [RIVER])


def test_without_anything_recorded_the_answer_says_that_it_goes_by_a_rule():
    answer = FrugalFusion().ask({"a": listed("a", ("Arno", 0.9))}, [RIVER])[0]
    assert any("stops by a rule" in note.what for note in answer.degraded)
    fitted = FrugalFusion(experience=recorded([("x", 0.9, True)]))
    answer = fitted.ask({"a": listed("a", ("Arno", 0.9))}, [RIVER])[0]
    assert answer.degraded == ()


def test_questions_that_go_to_the_same_expert_go_there_together_and_others_do_not():
    experts = {"a": listed("a", ("Arno", 0.3)), "b": listed("b", ("Arno", 0.9), ("Garda", 0.9))}
    together = FrugalFusion(price=0.5).ask(experts, [RIVER, LAKE])
    assert experts["a"].asked == [[RIVER.text, LAKE.text]]
    assert experts["b"].asked == [[RIVER.text]]
    alone = [FrugalFusion(price=0.5).ask(experts, [one])[0] for one in (RIVER, LAKE)]
    assert together == alone


def test_before_anybody_is_asked_the_plan_is_made_of_all_that_was_recorded():
    # `a` is wrong on half; `b` never, at the same cost.
    plan, first = planned(PAIR, None, None)
    assert (plan.experts, plan.wrong, plan.total) == ({1}, 0.0, pytest.approx(0.1))
    assert first == 1


def test_where_questions_like_this_went_well_nobody_else_is_asked():
    plan, following = planned(PAIR, Ballot("Arno", 0.88), None)
    assert (plan.experts, plan.wrong, following) == ({0}, 0.0, None)


def test_where_they_went_badly_the_next_one_is_asked_while_it_is_worth_its_cost():
    # Unsure, `a` was wrong both times, and both together right: 0 + 0.1 against 1.
    plan, following = planned(PAIR, Ballot("Arno", 0.25), None)
    assert (plan.wrong, plan.total, following) == (0.0, pytest.approx(0.1), 1)
    # At 1.2 right answers for a call it is not: 1 against 0 + 1.2.
    plan, following = planned(PAIR, Ballot("Arno", 0.25), None, price=1.2)
    assert (plan.total, following) == (1.0, None)


def test_experts_that_agree_are_told_from_those_that_do_not():
    agreeing = (("x", 0.5, True), ("x", 0.5, True), ("x", 0.5, True))
    arguing = (("x", 0.5, False), ("y", 0.5, False), ("z", 0.9, True))
    some = recorded(agreeing, agreeing, arguing, arguing)
    costs = (1.0, 1.0, 1.0)
    agree = planned(some, Ballot("Arno", 0.5), Ballot("arno", 0.5), None, costs=costs)
    argue = planned(some, Ballot("Arno", 0.5), Ballot("Tiber", 0.5), None, costs=costs)
    assert agree[1] is None
    assert argue[1] == 2


def test_the_recorded_votes_are_counted_as_votes_are():
    from rag_router.experts.fusion.ballots import counted

    random = np.random.default_rng(0)
    lines = []
    for _ in range(200):
        says = random.choice(["x", "y", "z", ""], size=3)
        sure = random.choice([0.2, 0.5, 0.8], size=3)
        lines.append([(s or None, float(c), s == "x") for s, c in zip(says, sure, strict=True)])
    some = recorded(*lines)
    for line, wrong in zip(lines, some._votes_wrong(frozenset({0, 1, 2}), 10), strict=True):
        counts = counted([Ballot(s, c) for s, c, _ in line], alternatives=10)
        winner = line[counts[0].speaker][0] if counts else None
        assert bool(wrong) == (winner != "x")


def test_the_dearer_a_call_is_the_fewer_are_made_and_at_no_price_all_that_help():
    random = np.random.default_rng(1)
    lines = []
    for _ in range(120):
        hard = random.random()
        line = []
        for skill in (0.5, 0.7, 0.85):
            right = bool(random.random() < skill * (1.2 - hard))
            sure = float(np.clip(0.2 + 0.6 * right + random.normal(0, 0.15), 0.01, 0.99))
            line.append(("x" if right else str(random.integers(5)), sure, right))
        lines.append(line)
    experience = recorded(*lines[:80])
    asked = []
    for price in (0.0, 0.05, 0.2, 10.0):
        fusion, calls = FrugalFusion(price=price, experience=experience), 0
        for line in lines[80:]:
            experts = {
                name: listed(name, (said, sure))
                for name, (said, sure, _) in zip("abc", line, strict=True)
            }
            answer = fusion.ask(experts, [RIVER], costs={"a": 1, "b": 2, "c": 4})[0]
            calls += len(answer.route.opinions)
        asked.append(calls)
    assert asked == sorted(asked, reverse=True)
    assert asked[-1] == 40
    assert asked[0] > 60


def test_what_was_recorded_comes_back_from_disk_and_only_for_the_same_experts(tmp_path):
    card = Card(
        method="frugal", model="a+b", model_fingerprint="", date=date(2026, 1, 2).isoformat()
    )
    FrugalFusion(experience=PAIR).to_artefact(card).save(tmp_path / "it")
    back = FrugalFusion().with_artefact(Artefact.load(tmp_path / "it"))
    assert back.experience is not None
    assert back.experience.names == ("a", "b")
    assert back.experience.says.tolist() == PAIR.says.tolist()
    assert back.experience.right.tolist() == PAIR.right.tolist()
    assert back.experience.only(["b", "a"]).says.tolist() == [s[::-1] for s in PAIR.says.tolist()]
    with pytest.raises(ArtefactError, match="of a, b were recorded, and none of 'c'"):
        back.ask({"a": listed("a", ("x", 1.0)), "c": listed("c", ("x", 1.0))}, [RIVER])


def test_nothing_recorded_and_too_many_experts_are_refused():
    with pytest.raises(DataError, match="nothing was recorded"):
        Experience.of("ab", [])
    with pytest.raises(DataError, match="9 experts have too many orders"):
        Experience.of("abcdefghi", [[Recorded(Ballot("x", 0.5), True)] * 9])
