"""Each router among experts, worked out by hand on two fields and two experts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from made_outcomes import BETWEEN, CARDS, LAW, NEWS, card, context, lesson, names, scores

from rag_router.arrays import Arrays
from rag_router.errors import DataError, SettingsError
from rag_router.experts.routing.benchmark import BenchmarkRouter
from rag_router.experts.routing.benchmark_subject import SubjectRouter
from rag_router.experts.routing.best_single import BestSingleRouter
from rag_router.experts.routing.budgeted import BudgetedRouter
from rag_router.experts.routing.combined import CombinedRouter
from rag_router.experts.routing.domain import DomainRouter
from rag_router.experts.routing.item_response import ItemResponseRouter
from rag_router.experts.routing.kernel import KernelRouter, fit_smoother, without_itself
from rag_router.experts.routing.linear import LinearRouter
from rag_router.experts.routing.neighbours import NeighboursRouter, nearest
from rag_router.experts.routing.oracle import OracleRouter
from rag_router.experts.routing.prices import price_of, relative_prices
from rag_router.experts.routing.random import RandomRouter

# On 20 questions of each field: the lawyer is right on 20 of law and 4 of news, the reporter on 6
# of law and 18 of news.
TAUGHT = lesson(each=20)


def ranked(router, *vectors, cards=CARDS):
    return router.rank(["q"] * len(vectors), cards, context(*vectors))


# --- prices -------------------------------------------------------------------------------------


def test_a_price_is_of_two_hundred_tokens_read_and_twenty_written():
    dear = replace(card("dear"), price_prompt=10.0, price_completion=30.0)
    assert price_of(dear) == pytest.approx((200 * 10 + 20 * 30) / 1e6)


def test_prices_are_relative_to_the_dearest_and_sizes_count_where_nobody_has_one():
    assert relative_prices(CARDS).tolist() == [0.5, 1.0]
    priced = (card("a", parameters=9, price=1.0), card("b", parameters=1, price=4.0))
    assert relative_prices(priced).tolist() == [0.25, 1.0]
    assert relative_prices([card("free")]).tolist() == [0.0]


# --- baselines ----------------------------------------------------------------------------------


def test_the_best_single_is_right_most_often_whatever_is_asked():
    # (20 + 4) / 40 against (6 + 18) / 40: equally often, so the cheaper one.
    found = ranked(BestSingleRouter().fit(TAUGHT), LAW, NEWS)
    assert names(found) == [["lawyer", "reporter"]] * 2
    assert scores(found[0]) == {"lawyer": 0.6, "reporter": 0.6}


def test_until_it_has_learned_the_first_of_the_settings_is_the_best():
    found = BestSingleRouter().rank(["q"], CARDS[::-1], context())
    assert names(found) == [["reporter", "lawyer"]]


def test_chance_is_fair_and_the_same_for_the_same_seed_and_question():
    questions = [f"question {n}" for n in range(2_000)]
    router = RandomRouter()
    first = [r[0].name for r in router.rank(questions, CARDS, context(seed=1))]
    # 2,000 tosses of a coin: half, give or take 4 standard deviations of 22.4.
    assert first.count("lawyer") == pytest.approx(1_000, abs=90)
    assert [r[0].name for r in router.rank(questions, CARDS[::-1], context(seed=1))] == first
    assert [r[0].name for r in router.rank(questions, CARDS, context(seed=2))] != first


def test_the_oracle_takes_the_cheapest_of_those_that_are_right():
    oracle = OracleRouter(right={"one": ("reporter",), "both": ("lawyer", "reporter"), "no": ()})
    found = oracle.rank(["one", "both", "no"], CARDS, context())
    assert [ranking[0].name for ranking in found] == ["reporter", "lawyer", "lawyer"]
    with pytest.raises(DataError, match="nobody told the oracle who answers 'else'"):
        oracle.rank(["else"], CARDS, context())


# --- domain, budgeted, benchmark ----------------------------------------------------------------


def test_a_domain_belongs_to_the_one_that_is_right_most_often_in_it():
    found = ranked(DomainRouter().fit(TAUGHT), LAW, NEWS)
    assert scores(found[0]) == {"lawyer": 1.0, "reporter": 0.3}
    assert scores(found[1]) == {"lawyer": 0.2, "reporter": 0.9}
    assert found[1][0].name == "reporter"


def test_what_is_of_no_clear_domain_goes_to_the_best_of_all():
    # Half way between the two fields neither is likelier than the other.
    found = ranked(DomainRouter(confidence=0.6).fit(TAUGHT), BETWEEN, LAW)
    assert scores(found[0]) == {"lawyer": 0.6, "reporter": 0.6}
    assert scores(found[1]) == {"lawyer": 1.0, "reporter": 0.3}


def test_a_price_is_taken_off_what_an_expert_brings():
    # 0.9 - 0.8 * 1 against 0.2 - 0.8 * 0.5: 0.1 and -0.2.
    found = ranked(DomainRouter(price_weight=0.8).fit(TAUGHT), NEWS)
    assert scores(found[0]) == {
        "reporter": pytest.approx(0.1),
        "lawyer": pytest.approx(-0.2),
    }


def test_routers_by_subject_need_two_subjects():
    bare = replace(TAUGHT, fields=())
    for router in (DomainRouter(), BudgetedRouter(), SubjectRouter()):
        with pytest.raises(DataError, match="learns subjects, and saw 0 of them"):
            router.fit(bare)


def test_a_budget_decides_who_is_asked_at_all():
    cards = (card("lawyer", parameters=2_000_000_000), card("reporter", parameters=3_000_000_000))
    free = BudgetedRouter().fit(TAUGHT)
    assert free.plan(cards).experts == (0, 1)
    # The plan's accuracy: (1.0 + 0.9) / 2.
    assert free.plan(cards).accuracy == pytest.approx(0.95)
    # Only one fits: (1 + .2) / 2 = (.3 + .9) / 2 = 0.6 either way, and the first set found stays.
    small = replace(free, parameters=3.0)
    assert small.plan(cards).experts == (0, 0)
    found = ranked(small, NEWS, cards=cards)
    assert [choice.name for choice in found[0]] == ["lawyer", "reporter"]
    assert "outside the plan" in found[0][1].why
    with pytest.raises(SettingsError, match="no expert fits into the budgets"):
        replace(free, parameters=1.0).plan(cards)


def test_a_question_speaks_for_all_who_answered_it():
    router = BenchmarkRouter().fit(TAUGHT)
    # Of law, 14 questions tell: the lawyer alone answered them. Of news the reporter alone
    # answered 14 (4 were answered by both, 2 by nobody).
    found = ranked(router, LAW, NEWS)
    assert names(found) == [["lawyer", "reporter"], ["reporter", "lawyer"]]
    assert sum(choice.score for choice in found[0]) == pytest.approx(1)
    with pytest.raises(DataError, match="experts differ on 0 questions"):
        BenchmarkRouter().fit(replace(TAUGHT, right=np.ones((40, 2))))


def test_every_question_of_a_subject_speaks_for_its_best_expert():
    found = ranked(SubjectRouter().fit(TAUGHT), LAW, NEWS)
    assert names(found) == [["lawyer", "reporter"], ["reporter", "lawyer"]]


# --- neighbours, kernel, linear, combined --------------------------------------------------------


def test_neighbours_count_the_same_or_by_how_near_they_are():
    taught = replace(
        TAUGHT,
        vectors=np.array([LAW] * 10 + [BETWEEN] * 10 + [NEWS] * 20, dtype=np.float32),
        right=np.array([[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 10 + [[0.0, 1.0]] * 20),
    )
    found = ranked(NeighboursRouter(neighbours=20).fit(taught), LAW)
    assert scores(found[0]) == {"lawyer": 0.5, "reporter": 0.5}
    # Weights e^(5 * 0) and e^(5 (cos - 1)) with cos = 0.7071: 1 to 0.2312.
    far = math.exp(5 * (2**-0.5 - 1))
    found = ranked(NeighboursRouter(neighbours=20, sharpness=5.0).fit(taught), LAW)
    assert scores(found[0])["lawyer"] == pytest.approx(1 / (1 + far), abs=1e-6)


def test_of_equally_near_questions_the_first_is_the_nearer():
    found, cosines = nearest(np.array([LAW, NEWS, NEWS], dtype=np.float32), np.array(NEWS), 2)
    assert (found.tolist(), cosines.tolist()) == ([1, 2], [1.0, 1.0])


def test_no_more_questions_are_kept_than_may_be():
    router = NeighboursRouter(kept=25).fit(TAUGHT)
    assert router.arrays["seen"].shape == (25, 3)


def test_the_smoother_shrinks_a_place_to_the_mean_by_its_noise():
    smoother = fit_smoother(TAUGHT)
    sharpness, noise = smoother["shape"]
    # Two places of 20 equal questions each, k = e^-sharpness apart. Of the lawyer, gaps from the
    # mean of 0.6 add up to 20 * 0.4 at law and -20 * 0.4 at news, so a place's share of alpha is
    # 8 / (20 (1 - k) + noise), and the prediction 0.6 + (1 - k) of that.
    k = math.exp(-sharpness)
    at_law = 0.6 + (1 - k) * 8 / (20 * (1 - k) + noise)
    found = ranked(KernelRouter().fit(TAUGHT), LAW)
    assert scores(found[0])["lawyer"] == pytest.approx(at_law)


def test_what_is_said_of_a_question_left_out_is_what_the_others_teach():
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(30, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    taught = replace(
        TAUGHT.rows(np.arange(30)),
        vectors=vectors.astype(np.float32),
        right=draw.integers(2, size=(30, 2)).astype(float),
    )
    smoother = fit_smoother(taught)
    apart = without_itself(smoother, taught.right)
    sharpness, noise = smoother["shape"]
    exact = taught.vectors.astype(float)
    for row in (0, 17):
        rest = np.arange(30) != row
        gram = np.exp(sharpness * (exact[rest] @ exact[rest].T - 1)) + noise * np.eye(29)
        near = np.exp(sharpness * (exact[rest] @ exact[row] - 1))
        # The mean stays that of all, as it does where the smoother is used.
        mean = smoother["mean"]
        by_hand = mean + near @ np.linalg.solve(gram, taught.right[rest] - mean)
        assert apart[row] == pytest.approx(np.clip(by_hand, 0, 1))


@pytest.mark.parametrize("router", [LinearRouter(), CombinedRouter(), KernelRouter()])
def test_what_is_learned_of_a_field_leads_to_its_expert(router):
    found = ranked(router.fit(TAUGHT), LAW, NEWS)
    assert names(found) == [["lawyer", "reporter"], ["reporter", "lawyer"]]


# --- item response ------------------------------------------------------------------------------


def test_an_expert_meets_a_question_by_the_sigmoid_of_abilities_less_difficulty():
    fitted = ItemResponseRouter(warmth=0.0, abilities=2).fit(TAUGHT)
    asked, easy = fitted.items(np.array([LAW]))
    theta = fitted.arrays["theta"]
    p = fitted.likely(np.array([LAW]))[0]
    by_hand = [1 / (1 + math.exp(-(float(asked[0] @ t) + float(easy[0])))) for t in theta]
    assert p == pytest.approx(by_hand)
    assert names(ranked(fitted, LAW, NEWS)) == [["lawyer", "reporter"], ["reporter", "lawyer"]]


def test_a_harder_question_is_harder_for_everybody():
    fitted = ItemResponseRouter(warmth=0.0).fit(TAUGHT)
    arrays = dict(fitted.arrays)
    harder = replace(fitted, arrays=Arrays({**arrays, "easy_bias": arrays["easy_bias"] - 1}))
    assert (harder.likely(np.array([LAW, NEWS])) < fitted.likely(np.array([LAW, NEWS]))).all()


def test_abilities_are_recovered_as_far_as_they_show_in_probabilities():
    draw = np.random.default_rng(1)
    x = draw.normal(size=(3_000, 4))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    theta = np.array([[2.0, 0.0], [0.0, 2.0], [-2.0, 1.0]])
    true = 1 / (1 + np.exp(-(x[:, :2] @ theta.T + x[:, 2:3])))
    made = replace(
        TAUGHT,
        experts=("a", "b", "c"),
        vectors=x.astype(np.float32),
        right=(draw.uniform(size=true.shape) < true).astype(float),
        cost=np.ones(true.shape),
        fields=(),
    )
    fitted = ItemResponseRouter(abilities=2, ridge=1e-4, warmth=0.0).fit(made)
    # Abilities are known up to a rotation alone, so that probabilities are compared.
    assert np.abs(fitted.likely(x) - true).mean() < 0.03


def test_a_question_is_moved_towards_its_nearest_labelled_ones():
    fitted = ItemResponseRouter(warmth=0.4).fit(TAUGHT)
    still = replace(fitted, warmth=0.0)
    # The five nearest to a vector close to law are all of law.
    near = np.array([[0.9, 0.1, 0.0]])
    moved = 0.6 * near + 0.4 * np.array([LAW])
    assert fitted.likely(near) == pytest.approx(still.likely(moved))


def test_an_expert_that_comes_later_learns_its_abilities_and_changes_nobodys():
    fitted = ItemResponseRouter(warmth=0.0).fit(TAUGHT)
    news = np.array([[0.0]] * 20 + [[1.0]] * 20)
    later = replace(TAUGHT, experts=("critic",), right=news, cost=np.ones((40, 1)))
    more = fitted.added("critic", later)
    assert more.experts == ("lawyer", "reporter", "critic")
    vectors = np.array([LAW, NEWS])
    assert (more.likely(vectors)[:, :2] == fitted.likely(vectors)).all()
    law, of_news = more.likely(vectors)[:, 2]
    assert law < 0.3 < 0.7 < of_news
    with pytest.raises(SettingsError, match="'critic' is known already"):
        more.added("critic", later)
    with pytest.raises(DataError, match="do not tell enough of 'poet'"):
        fitted.added("poet", later)
