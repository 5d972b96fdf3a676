"""When to retrieve: policies as rows of choices, worked out by hand on four questions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import ListIndex, question
from watched import WatchedModel, expert_of

from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.eval.answering import Record, answer_questions
from rag_router.eval.policies import (
    Outcomes,
    Policy,
    by_popularity,
    columns_of,
    compare,
    outcomes_of,
    popularity_of,
)
from rag_router.filters.threshold import ThresholdFilter
from rag_router.gates.confidence import ConfidenceGate
from rag_router.models.scripted import Reply
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.policy import Sureness
from rag_router.retrievers import RETRIEVERS


def record(answer, **more):
    usual = {
        "reason": "parametric",
        "confidence": 0.5,
        "p_know": 0.5,
        "retrieve": False,
        "wanted": False,
        "passages": (),
        "prompt_tokens": 100,
        "completion_tokens": 1,
        "lm_forward_passes": 1,
        "retriever_calls": 0,
        "ms": 1.0,
    }
    return Record(answer=answer, **(usual | more))


def outcomes(right, *, passes, calls, ms, tokens=100.0):
    column = np.array(right, dtype=float)
    return Outcomes(
        right=column,
        em=column,
        f1=column,
        abstained=np.zeros(len(column)),
        retrieved=np.full(len(column), float(calls > 0)),
        passes=np.array(passes, dtype=float),
        calls=np.full(len(column), float(calls)),
        prompt_tokens=np.full(len(column), tokens),
        ms=np.array(ms, dtype=float),
    )


# Memory knows the first and the last question; passages answer the first two.
SERVICES = {
    "off": outcomes([1, 0, 0, 1], passes=[5, 6, 7, 8], calls=0, ms=[1, 2, 3, 4]),
    "on": outcomes([1, 1, 0, 0], passes=[9, 10, 11, 12], calls=1, ms=[10, 20, 30, 40], tokens=500),
}


def switch(name, retrieve):
    return Policy.switch(name, np.array(retrieve), off="off", on="on")


NEVER, ALWAYS = switch("never", [0, 0, 0, 0]), switch("always", [1, 1, 1, 1])
GATE = switch("gate", [False, True, True, False])
RANDOM = switch("random", [0.5] * 4)


def table(*policies):
    return columns_of(SERVICES, policies or (NEVER, ALWAYS, GATE, RANDOM))


def test_never_and_always_are_the_services_themselves():
    columns = table()
    assert columns["never"].outcomes.right.tolist() == [1, 0, 0, 1]
    assert columns["always"].outcomes.passes.tolist() == [9, 10, 11, 12]


def test_a_gate_takes_each_answer_from_the_service_it_decided_for():
    one = table()["gate"].outcomes
    assert one.right.tolist() == [1, 1, 0, 1]
    assert one.passes.tolist() == [5, 10, 11, 8]
    assert one.calls.tolist() == [0, 1, 1, 0]
    assert one.prompt_tokens.tolist() == [100, 500, 500, 100]


def test_random_retrieval_is_what_is_expected_of_it_and_not_one_draw():
    one = table()["random"].outcomes
    assert one.right.tolist() == [(1 + 1) / 2, (0 + 1) / 2, 0, (1 + 0) / 2]
    assert one.passes.tolist() == [(5 + 9) / 2, (6 + 10) / 2, (7 + 11) / 2, (8 + 12) / 2]
    assert one.calls.tolist() == [0.5] * 4


def test_the_oracle_takes_the_cheapest_right_answer_or_else_the_cheapest():
    one = table()["oracle"].outcomes
    # Both are right: memory is cheaper. Only passages; nobody, memory is cheaper; only memory.
    assert one.right.tolist() == [1, 1, 0, 1]
    assert one.passes.tolist() == [5, 10, 7, 8]
    assert one.calls.tolist() == [0, 1, 0, 0]


def test_looking_something_up_costs_more_than_any_number_of_passes():
    services = {
        "off": outcomes([1], passes=[1000], calls=0, ms=[1]),
        "on": outcomes([1], passes=[1], calls=1, ms=[1]),
    }
    oracle = columns_of(services, [switch("never", [0]), switch("always", [1])])["oracle"]
    assert oracle.outcomes.passes.tolist() == [1000]


def test_the_oracle_takes_no_answer_that_no_policy_gives():
    services = {**SERVICES, "idle": outcomes([1] * 4, passes=[1] * 4, calls=0, ms=[1] * 4)}
    one = columns_of(services, (NEVER, ALWAYS))["oracle"].outcomes
    assert one.right.tolist() == [1, 1, 0, 1]
    # Nobody switches on for the last two questions.
    half = columns_of(SERVICES, (switch("half", [1, 1, 0, 0]), NEVER))["oracle"].outcomes
    assert half.passes.tolist() == [5, 10, 7, 8]


def test_figures_of_the_policies_by_hand():
    rows = compare(table())
    assert {name: row["accuracy"] for name, row in rows.items()} == {
        "never": 2 / 4,
        "always": 2 / 4,
        "gate": 3 / 4,
        "random": (1 + 1 / 2 + 0 + 1 / 2) / 4,
        "oracle": 3 / 4,
    }
    assert {name: row["lm_forward_passes"] for name, row in rows.items()} == {
        "never": (5 + 6 + 7 + 8) / 4,
        "always": (9 + 10 + 11 + 12) / 4,
        "gate": (5 + 10 + 11 + 8) / 4,
        "random": (7 + 8 + 9 + 10) / 4,
        "oracle": (5 + 10 + 7 + 8) / 4,
    }
    assert [rows[name]["retrieval_rate"] for name in rows] == [0, 1, 2 / 4, 2 / 4, 1 / 4]
    assert [rows[name]["retriever_calls"] for name in rows] == [0, 1, 2 / 4, 2 / 4, 1 / 4]
    # Half of the answers are exact, for 500 tokens each.
    assert rows["always"]["em_per_1000_prompt_tokens"] == pytest.approx(1000 * 0.5 / 500)


def test_differences_are_taken_from_always_and_are_positive_where_a_policy_is_better():
    rows = compare(table())
    value, low, high = rows["gate"]["accuracy_minus_always"]
    assert value == 3 / 4 - 2 / 4
    # The gate is better on the last question and nowhere worse.
    assert (low, high) == (0, 0.75)
    assert "accuracy_minus_always" not in rows["always"]
    worse = columns_of(SERVICES, (ALWAYS, switch("worse", [1, 0, 1, 1])))
    value, low, high = compare(worse)["worse"]["accuracy_minus_always"]
    assert (value, high) == (1 / 4 - 2 / 4, 0)
    assert low < value


def test_differences_are_paired_so_that_equal_answers_differ_by_nothing():
    assert compare(table())["never"]["accuracy_minus_always"][0] == 0
    same = columns_of(SERVICES, (ALWAYS, switch("same", [1, 1, 1, 1])))
    assert compare(same)["same"]["accuracy_minus_always"] == [0, 0, 0]


def test_times_are_quantiles_of_the_answers_that_a_policy_gives():
    rows = compare(table(NEVER, ALWAYS, GATE, switch("rarely", [0.25] * 4)))
    # The half and the 95 % of four answers are reached with the second and the fourth.
    assert [(rows[n]["p50_ms"], rows[n]["p95_ms"]) for n in ("never", "always")] == (
        [(2, 4), (20, 40)]
    )
    # 1, 20, 30 and 4 milliseconds; in order 1, 4, 20, 30.
    assert (rows["gate"]["p50_ms"], rows["gate"]["p95_ms"]) == (4, 30)
    # Weights 0.75 for 1, 2, 3, 4 and 0.25 for 10, 20, 30, 40 add up to 0.75, 1.5, 2.25, 3, 3.25,
    # 3.5, 3.75, 4: the half (2) is reached at 3, 95 % (3.8) at 40.
    assert (rows["rarely"]["p50_ms"], rows["rarely"]["p95_ms"]) == (3, 40)


Share = st.sampled_from([0.0, 0.25, 0.5, 1.0])


@st.composite
def situations(draw):
    n = draw(st.integers(1, 6))
    numbers = st.lists(st.integers(1, 50), min_size=n, max_size=n)
    flags = st.lists(st.integers(0, 1), min_size=n, max_size=n)
    services = {
        f"{gate} {mode}": outcomes(draw(flags), passes=draw(numbers), calls=calls, ms=draw(numbers))
        for gate in ("a", "b")
        for mode, calls in (("off", 0), ("on", draw(st.integers(1, 3))))
    }
    policies = [
        Policy.switch(
            f"{gate} {number}",
            np.array(draw(st.lists(Share, min_size=n, max_size=n))),
            off=f"{gate} off",
            on=f"{gate} on",
        )
        for gate in ("a", "b")
        for number in range(draw(st.integers(1, 2)))
    ]
    return services, policies


@given(situations())
def test_no_policy_beats_the_oracle_on_any_question(situation):
    columns = columns_of(*situation)
    best = columns["oracle"].outcomes
    for name, column in columns.items():
        assert (column.outcomes.right <= best.right + 1e-12).all(), name


@given(situations())
def test_the_shares_of_every_policy_add_up_so_that_figures_are_means(situation):
    for column in columns_of(*situation).values():
        assert column.weights.reshape(-1, len(column.outcomes.right)).sum(axis=0) == (
            pytest.approx(np.ones(len(column.outcomes.right)))
        )
        assert column.times.min() <= (column.weights * column.times).sum() / column.weights.sum()


# --- popularity ---------------------------------------------------------------------------------


def asked(*views):
    return [question("x", str(n), meta={"s_pop": v}) for n, v in enumerate(views)]


def test_views_of_every_question_are_read_by_either_name():
    both = [question("x", meta={"s_pop": 5}), question("y", meta={"popularity": 2.5})]
    assert popularity_of(both).tolist() == [5, 2.5]


@pytest.mark.parametrize("odd", [{}, {"s_pop": "many"}, {"s_pop": None}])
def test_where_one_question_does_not_say_there_is_no_popularity(odd):
    assert popularity_of([*asked(1, 2), question("x", meta=odd)]) is None


def test_of_no_questions_there_is_no_popularity():
    assert popularity_of([]) is None


def test_the_threshold_lies_between_what_is_helped_and_what_is_harmed():
    # Retrieval answers the ten unpopular questions and spoils the ten popular ones.
    views = np.array([10.0] * 10 + [1000.0] * 10)
    rare = views < 100
    chosen = by_popularity(views, never=(~rare).astype(float), always=rare.astype(float))
    assert chosen.tolist() == rare.tolist()


@pytest.mark.parametrize(
    ("never", "always", "retrieve"),
    [
        (0.0, 1.0, True),  # retrieval always helps
        (1.0, 0.0, False),  # and always harms
        (1.0, 1.0, False),  # and changes nothing, so that the fewest are looked up
        (0.0, 0.0, False),
    ],
)
@pytest.mark.parametrize("n", [2, 7])
def test_where_all_questions_are_alike_all_are_treated_alike(never, always, retrieve, n):
    views = np.arange(1.0, n + 1)
    chosen = by_popularity(views, np.full(n, never), np.full(n, always))
    assert chosen.tolist() == [retrieve] * n


def test_the_threshold_for_a_question_is_found_without_it():
    # Only the most popular question is helped, which the others cannot know.
    views = np.arange(1.0, 11)
    helped = views == 10
    chosen = by_popularity(views, never=(~helped).astype(float), always=helped.astype(float))
    assert not chosen[-1]


def test_a_single_question_that_nobody_else_tells_about_is_treated_somehow():
    assert by_popularity(np.array([5.0]), np.array([1.0]), np.array([0.0])).shape == (1,)


# --- judging records ----------------------------------------------------------------------------


def test_records_are_judged_by_the_gold_answers():
    questions = [question("x", str(n), answers=("Oslo",)) for n in range(3)]
    records = [
        record("Oslo", lm_forward_passes=3, ms=7.0),
        record("Oslo, Norway", retrieve=True, retriever_calls=2, prompt_tokens=300),
        record(None),
    ]
    found = outcomes_of(questions, records)
    assert found.right.tolist() == [1, 1, 0]
    assert found.em.tolist() == [1, 0, 0]
    # One word of two, and the one that is asked for: 2 x 1/2 x 1 / (1/2 + 1).
    assert found.f1.tolist() == pytest.approx([1, 2 / 3, 0])
    assert found.abstained.tolist() == [0, 0, 1]
    assert found.retrieved.tolist() == [0, 1, 0]
    assert found.calls.tolist() == [0, 2, 0]
    assert (found.passes[0], found.prompt_tokens[1], found.ms[0]) == (3, 300, 7)


# --- the composed gate is the real one ----------------------------------------------------------

TIBER = "The Tiber is the river of Rome."
HAMLET = "Marlowe wrote hamlet, said nobody."


def script(prompt):
    shown = "from its passages" in prompt
    wanted = prompt.rpartition("Question: ")[2]
    if "hamlet" in wanted:
        return Reply("Marlowe", 0.6) if HAMLET in prompt else Reply("Shakespeare", 0.95)
    if "river of Rome" in wanted:
        return Reply("Tiber", 0.95) if TIBER in prompt else Reply("Nile", 0.15)
    if "honey" in wanted:
        return Reply("bees", 0.9 if shown else 0.7)
    return Reply("no idea", 0.2)


ASKED = [
    question("who wrote hamlet", "1", answers=("Shakespeare",)),
    question("what is the river of Rome", "2", answers=("Tiber",)),
    question("who makes honey", "3", answers=("bees",)),
    question("zebra quagga xylophone", "4", answers=("nothing",)),
    question("is the river of Rome long", "5", answers=("yes it is",)),
]


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8, 0.99])
@pytest.mark.parametrize("decoder", [PlainDecoder(), AdaptiveContrastDecoder()], ids=repr)
@pytest.mark.parametrize("searched", [True, False])
def test_a_composed_gate_answers_as_the_service_does_when_the_gate_decides(
    threshold, decoder, searched
):
    index = ListIndex([TIBER, HAMLET, "Honey is made by bees."], name="wiki")
    service = Orchestrator(
        expert=expert_of(WatchedModel(script)),
        gate=ConfidenceGate(threshold=threshold, curve=(1.0, 0.0, 0.0)),
        decoder=decoder,
        retriever=RETRIEVERS.build("sparse", k=2),
        indices={"wiki": index} if searched else {},
        embedder=HashingEmbedder(),
        filters=(ThresholdFilter(min_support=0.5, curve=(8.0, -2.0)),),
        sureness=Sureness(curve=(0.0, 0.0, 1.0, 0.0)),
        batch_size=2,
    )
    off, on, auto = (
        answer_questions(service, ASKED, Ask(retrieval=mode))
        for mode in ("never", "always", "auto")
    )
    composed = [second if second.wanted else first for first, second in zip(off, on, strict=True)]

    def untimed(one):
        # That nothing was there to look in is a note on being told to look.
        told = "retrieve: retrieval was asked for, but there is nothing to look in"
        kept = tuple(note for note in one.degraded if note != told)
        return {**{f: getattr(one, f) for f in Record.__slots__}, "ms": 0, "degraded": kept}

    assert [untimed(one) for one in composed] == [untimed(one) for one in auto]
    services = {"off": outcomes_of(ASKED, off), "on": outcomes_of(ASKED, on)}
    gate = Policy.switch("gate", np.array([one.wanted for one in on]), off="off", on="on")
    found, real = columns_of(services, [gate])["gate"].outcomes, outcomes_of(ASKED, auto)
    for figure in ("right", "em", "f1", "abstained", "retrieved", "passes", "calls"):
        assert getattr(found, figure).tolist() == getattr(real, figure).tolist(), figure
