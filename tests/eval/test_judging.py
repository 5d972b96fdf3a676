"""What gates say about questions, from kept features and verdicts, and what asking them costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from stand_ins import question
from watched import WatchedModel, expert_of

from rag_router.errors import ModelError
from rag_router.eval.features import read_features
from rag_router.eval.judging import judge_questions, price_of
from rag_router.eval.labels import label
from rag_router.gates import assess
from rag_router.gates.always import AlwaysGate
from rag_router.gates.base import verdict
from rag_router.gates.confidence import ConfidenceGate
from rag_router.gates.never import NeverGate
from rag_router.gates.profile import ProfileGate
from rag_router.models.scripted import Reply
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.outcomes import OutcomeCache, RecordCache
from rag_router.signals import Board, ClosedBookPass, Cost, Partners, Reading
from rag_router.types import Verdict

CITIES = ("Oslo", "Rome", "Lima", "Paris", "Quito")


def script(prompt):
    """Knows the first city best and the last one least: 0.95, 0.8, 0.65, 0.5 and 0.35 a letter."""
    asked = prompt.rpartition("Question: ")[2]
    number = next(n for n, city in enumerate(CITIES) if city in asked)
    return Reply(CITIES[number], 0.95 - 0.15 * number)


TEN = [
    question(f"in which {word} does {city} lie", f"{city}-{word}", answers=(answer,))
    for word in ("land", "continent")
    for city, answer in zip(CITIES, ("Oslo", "Rome", "x", "x", "x"), strict=True)
]
EXPERT = expert_of(WatchedModel(script))
TOLD = label(EXPERT, TEN)
FITTED = ConfidenceGate(threshold=0.5, curve=(1.0, 0.0, 0.25))


@dataclass(frozen=True)
class Surprise:
    """A signal that reads each question once more, for seven tokens and two steps."""

    name: str = "surprise"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[float]]:
        passes = board.read(ClosedBookPass(), rows)
        return [
            Reading(one.stream.logits.max().exp().item(), Cost(7, 2, forward_rows=3))
            for one in passes
        ]


@dataclass(frozen=True, kw_only=True)
class SurpriseGate:
    """A gate that learns nothing: p_know is the probability of the likeliest first byte."""

    threshold: float = 0.6
    fitted: bool = False

    @property
    def needs(self):
        return (Surprise(),)

    def assess(self, questions, signals) -> list[Verdict]:
        return [verdict(p, self.threshold, {}) for p in signals.read(Surprise())]


@pytest.fixture
def cache(tmp_path):
    cache = RecordCache(tmp_path / "outcomes.sqlite")
    yield cache
    cache.close()


def judge(gate, model=None, labelled=TOLD, **more):
    expert = EXPERT if model is None else expert_of(model)
    return judge_questions({"it": gate}, expert, labelled, batch_size=2, **more)["it"]


# --- labels -------------------------------------------------------------------------------------


def test_an_answer_is_right_where_it_holds_a_gold_one():
    assert [one.outcome.answer for one in TOLD] == [*CITIES] * 2
    assert [one.right for one in TOLD] == [True, True, False, False, False] * 2


def test_labelling_goes_on_where_it_was(tmp_path):
    kept = OutcomeCache(tmp_path / "outcomes.sqlite")
    with pytest.raises(ModelError):
        label(expert_of(WatchedModel(script, lasts=2)), TEN, cache=kept, batch_size=4)
    model = WatchedModel(script)
    assert label(expert_of(model), TEN, cache=kept, batch_size=4) == TOLD
    assert len(model.prompts) == 10 - 2 * 4
    assert label(expert_of(WatchedModel(script, lasts=0)), TEN, cache=kept) == TOLD
    kept.close()


# --- what is judged -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gate",
    [
        FITTED,
        ConfidenceGate(),
        ConfidenceGate(threshold=0.9),
        ConfidenceGate(statistic="minimum", threshold=0.7, curve=(2.0, -0.5)),
        ConfidenceGate(max_new_tokens=2),
        ProfileGate(),
        ProfileGate(threshold=0.3, curve=(0.2, 0.1, 0.3, 0.2, 0.1, -0.1, 0.4)),
        AlwaysGate(prior=0.25),
        NeverGate(),
        SurpriseGate(),
    ],
    ids=repr,
)
def test_a_gate_judged_by_what_was_kept_says_what_it_says_to_a_service(gate):
    live = assess(gate, Board(EXPERT.model, EXPERT.style, TEN))
    judged = judge(gate)
    assert judged.p_know.tolist() == pytest.approx([one.p_know for one in live], abs=1e-6)
    assert judged.retrieve.tolist() == [one.retrieve for one in live]
    assert judged.fitted == gate.fitted


def test_a_gate_without_a_threshold_looks_up_what_is_rather_wrong_than_right():
    # The geometric means are 0.95, 0.8, 0.65, 0.5 and 0.35; what is not below 0.5 is known.
    gate = ConfidenceGate(statistic="geometric_mean")
    assert judge(gate).p_know[:5].tolist() == pytest.approx([0.95, 0.8, 0.65, 0.5, 0.35], abs=1e-4)
    assert judge(gate).retrieve[[0, 1, 2, 4]].tolist() == [False, False, False, True]


def test_several_gates_are_judged_together_and_each_as_if_it_were_alone():
    gates = {"confidence": FITTED, "profile": ProfileGate(), "surprise": SurpriseGate()}
    together = judge_questions(gates, EXPERT, TOLD, batch_size=3)
    assert list(together) == list(gates)
    for name, gate in gates.items():
        alone = judge(gate)
        assert together[name].p_know.tolist() == alone.p_know.tolist()
        assert together[name].retrieve.tolist() == alone.retrieve.tolist()


# --- what is kept -------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", [FITTED, ProfileGate(), SurpriseGate()], ids=repr)
def test_what_was_judged_once_asks_the_model_for_nothing(cache, gate):
    first = judge(gate, cache=cache)
    again = judge(gate, WatchedModel(script, lasts=0), cache=cache)
    assert again.p_know.tolist() == first.p_know.tolist()
    assert again.retrieve.tolist() == first.retrieve.tolist()
    some = judge(gate, WatchedModel(script, lasts=0), TOLD[::-3], cache=cache)
    assert some.p_know.tolist() == first.p_know[::-3].tolist()


@pytest.mark.parametrize("gate", [ProfileGate(), SurpriseGate()], ids=repr)
def test_judging_that_dies_loses_no_more_than_the_batch_it_was_at(cache, gate):
    # One prefill for each batch of two; the fourth batch fails.
    with pytest.raises(ModelError):
        judge(gate, WatchedModel(script, lasts=3), cache=cache)
    model = WatchedModel(script)
    resumed = judge(gate, model, cache=cache)
    assert len(model.prompts) == 10 - 3 * 2
    assert resumed.p_know.tolist() == judge(gate).p_know.tolist()


def test_closed_book_answers_are_not_decoded_again():
    judge(FITTED, WatchedModel(script, lasts=0))


def test_a_gate_that_is_fitted_anew_judges_by_the_same_features(cache):
    judge(ProfileGate(), cache=cache)
    anew = ProfileGate(threshold=0.9, curve=(0.1,) * 6 + (0.5,))
    judged = judge(anew, WatchedModel(script, lasts=0), cache=cache)
    assert judged.p_know.tolist() == judge(anew).p_know.tolist()


ASKED = {
    "gate's option": ({"gate": SurpriseGate(threshold=0.7)}, {}),
    "kind of gate": ({"gate": ProfileGate()}, {}),
    "length of answers": ({"gate": ProfileGate(max_new_tokens=3)}, {}),
    "seed": ({}, {"seed": 1}),
    "proxy": (
        {},
        {"partners": Partners(proxy=(WatchedModel(script, name="proxy"), EXPERT.style))},
    ),
    "embedder": ({}, {"partners": Partners(embedder=HashingEmbedder())}),
}


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize("first", [SurpriseGate(), ProfileGate(max_new_tokens=5)], ids=repr)
def test_what_was_judged_otherwise_is_not_taken(cache, what, first):
    judge(first, cache=cache)
    gate, more = ASKED[what]
    model = WatchedModel(script)
    judge(gate.get("gate", first), model, cache=cache, **more)
    # Features are kept apart by whom the gate asks; one that asks nobody else reads the same.
    asks_nobody = isinstance(first, ProfileGate) and what in ("proxy", "embedder")
    assert bool(model.prefills) != asks_nobody, f"another {what} was served what was kept"


def test_another_model_prompt_question_or_answer_is_judged_anew(cache):
    for gate in (SurpriseGate(), ProfileGate()):
        judge(gate, cache=cache)
        model = WatchedModel(script, name="other")
        judge(gate, model, cache=cache)
        assert model.prefills
        expert = expert_of(WatchedModel(script))
        brief = replace(expert, style=replace(expert.style, shots=1))
        judge_questions({"it": gate}, brief, TOLD, cache=cache)
        assert expert.model.prefills
        one = TOLD[0]
        for changed in (
            replace(one, question=replace(one.question, text="where does Oslo lie")),
            replace(one, outcome=replace(one.outcome, answer="Bergen")),
        ):
            model = WatchedModel(script)
            judge(gate, model, [changed], cache=cache)
            assert model.prefills


def test_ids_and_gold_answers_do_not_matter_for_what_a_gate_says(cache):
    first = judge(SurpriseGate(), cache=cache)
    renamed = [
        replace(one, question=replace(one.question, id="x", answers=()), right=not one.right)
        for one in TOLD
    ]
    again = judge(SurpriseGate(), WatchedModel(script, lasts=0), renamed, cache=cache)
    assert again.p_know.tolist() == first.p_know.tolist()


def test_progress_reaches_the_end_and_begins_with_what_is_known(cache):
    judge(SurpriseGate(), labelled=TOLD[:4], cache=cache)
    heard = []
    judge(SurpriseGate(), cache=cache, on_progress=lambda *pair: heard.append(pair))
    assert heard == [(6, 10), (8, 10), (10, 10)]


def test_features_of_two_gates_come_from_one_reading_of_the_questions():
    model = WatchedModel(script)
    gates = {"one": ProfileGate(), "other": ProfileGate(max_new_tokens=2)}
    found = read_features(gates, expert_of(model), TOLD, batch_size=10)
    assert model.prefills == 1
    assert [table.shape for table in found.values()] == [(10, 6), (10, 6)]
    assert not np.array_equal(found["one"], found["other"])


# --- what it costs ------------------------------------------------------------------------------


def test_the_price_of_a_gate_is_what_the_board_counted():
    # Decoding an answer takes a step for each letter, the last of which says the end: "Oslo" 4,
    # "Rome" 4, "Lima" 4, "Paris" 5, "Quito" 5.
    price = price_of(ConfidenceGate(), EXPERT, TOLD[:5], batch_size=8)
    assert (price.prefill_tokens, price.decode_steps) == (0, (4 + 4 + 4 + 5 + 5) / 5)
    board = Board(EXPERT.model, EXPERT.style, TEN[:5])
    assess(ConfidenceGate(), board)
    assert price.decode_steps == np.mean([board.cost(row).decode_steps for row in range(5)])
    assert price.ms > 0
    assert price.pass_ms > 0


def test_the_first_batch_warms_up_and_is_not_counted():
    # Batches of two: Oslo and Rome are not counted, Lima, Paris and Quito are.
    price = price_of(ConfidenceGate(), EXPERT, TOLD[:5], batch_size=2)
    assert price.decode_steps == (4 + 5 + 5) / 3


def test_dear_signals_are_paid_for_and_free_gates_cost_nothing():
    dear, free = (price_of(gate, EXPERT, TOLD) for gate in (SurpriseGate(), NeverGate()))
    assert (dear.prefill_tokens, dear.decode_steps) == (7, 2)
    assert (free.prefill_tokens, free.decode_steps) == (0, 0)


def test_the_kept_answers_do_not_make_a_gate_look_cheap():
    price = price_of(ConfidenceGate(), EXPERT, TOLD[:1])
    assert price.decode_steps == 4
