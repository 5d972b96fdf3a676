from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import Known, lesson, question, said

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import logit
from rag_router.errors import DataError
from rag_router.gates import assess
from rag_router.gates.confidence import ConfidenceGate
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board, ClosedBookAnswer
from rag_router.signals.closed_book_answer import geometric_mean_probability, minimum_probability

PROBABILITIES = st.lists(st.floats(0.001, 1.0), min_size=1, max_size=20)
MODEL = ScriptedModel({"sure": Reply("yes", 0.9), "mute": Reply("")}, otherwise=Reply("no", 0.3))


def logs(probabilities):
    return [math.log(p) for p in probabilities]


def figures(gate, *answers):
    """What the gate reads off answers whose tokens have these probabilities."""
    told = Known({gate.needs[0]: [said(*p) for p in answers]})
    return gate.features([question("?")] * len(answers), told)


def kept(gate, **more):
    notes = {**gate.options, **more.pop("notes", {})}
    about = Card(method="gate/confidence", model="m", model_fingerprint="f", notes=notes, **more)
    return Artefact(card=about, weights=gate.learned)


def verdicts(gate, *texts):
    return assess(gate, Board(MODEL, PromptStyle(shots=0), [question(text) for text in texts]))


@given(PROBABILITIES)
def test_the_minimum_never_exceeds_the_geometric_mean(p):
    assert minimum_probability(logs(p)) <= geometric_mean_probability(logs(p)) + 1e-12


@given(st.floats(0.001, 1.0))
def test_both_are_the_probability_of_an_answer_of_one_token(p):
    assert minimum_probability(logs([p])) == pytest.approx(p)
    assert geometric_mean_probability(logs([p])) == pytest.approx(p)


@given(PROBABILITIES)
def test_a_certain_token_leaves_the_minimum_and_raises_the_mean(p):
    before, after = logs(p), logs([*p, 1.0])
    assert minimum_probability(after) == minimum_probability(before)
    assert geometric_mean_probability(after) >= geometric_mean_probability(before) - 1e-12
    if max(p) < 1:
        assert geometric_mean_probability(after) > geometric_mean_probability(before)


def test_both_statistics_by_hand():
    p = [0.9, 0.4, 0.6]
    assert minimum_probability(logs(p)) == pytest.approx(0.4)
    assert geometric_mean_probability(logs(p)) == pytest.approx((0.9 * 0.4 * 0.6) ** (1 / 3))


def test_an_empty_answer_is_no_knowledge():
    assert (minimum_probability([]), geometric_mean_probability([])) == (0.0, 0.0)
    assert verdicts(ConfidenceGate(), "mute")[0].retrieve


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("minimum", 0.4), ("geometric_mean", (0.9 * 0.4) ** (1 / 2)), ("both", 0.4)],
)
def test_unfitted_p_know_is_the_bare_statistic(statistic, expected):
    gate = ConfidenceGate(statistic=statistic)
    assert not gate.fitted
    assert gate.probabilities(figures(gate, [0.9, 0.4])).tolist() == pytest.approx([expected])


def test_a_fitted_curve_is_applied_to_the_log_odds():
    gate = ConfidenceGate(statistic="both", curve=(2.0, 0.5, -1.0))
    z = 2.0 * logit(0.4) + 0.5 * logit((0.9 * 0.4) ** 0.5) - 1.0
    assert gate.fitted
    assert gate.probabilities(figures(gate, [0.9, 0.4]))[0] == pytest.approx(1 / (1 + math.exp(-z)))


def test_it_retrieves_below_the_threshold_and_says_why():
    sure, unsure = verdicts(ConfidenceGate(threshold=0.5), "sure", "what")
    assert (sure.retrieve, unsure.retrieve) == (False, True)
    assert (sure.p_know, unsure.p_know) == (pytest.approx(0.9), pytest.approx(0.3))
    assert sure.reason == "p_know 0.90 is at least the threshold 0.50"
    assert unsure.reason == "p_know 0.30 is below the threshold 0.50"
    assert unsure.signals == {"minimum": pytest.approx(0.3), "geometric_mean": pytest.approx(0.3)}
    assert sure.threshold == 0.5


def test_the_threshold_itself_is_enough_to_know():
    p_know = verdicts(ConfidenceGate(), "what")[0].p_know
    assert not verdicts(ConfidenceGate(threshold=p_know), "what")[0].retrieve


def test_the_threshold_zero_never_retrieves_and_one_always_does():
    assert not any(v.retrieve for v in verdicts(ConfidenceGate(threshold=0.0), "sure", "mute"))
    assert all(v.retrieve for v in verdicts(ConfidenceGate(threshold=1.0), "sure", "mute"))


def test_it_needs_the_closed_book_answer_of_its_own_length():
    assert ConfidenceGate(max_new_tokens=7).needs == (ClosedBookAnswer(7),)


def test_fitting_teaches_it_which_answers_are_right():
    random = np.random.default_rng(3)
    p = random.uniform(0.05, 0.95, size=4000)
    right = random.random(4000) < p
    gate = ConfidenceGate(statistic="minimum")
    fitted = gate.fit(lesson(figures(gate, *([x] for x in p)), right))
    # The statistic is calibrated already, so the curve is the identity on log-odds.
    assert fitted.curve == pytest.approx((1.0, 0.0), abs=0.15)
    with pytest.raises(DataError):
        gate.fit(lesson(figures(gate, [0.5]), [True]))


def test_an_artefact_brings_back_what_was_learned():
    learned = ConfidenceGate(statistic="geometric_mean", max_new_tokens=9, curve=(1.25, -0.5))
    artefact = kept(learned, threshold=0.35)
    again = ConfidenceGate().with_artefact(artefact)
    assert again == ConfidenceGate(
        statistic="geometric_mean", max_new_tokens=9, curve=(1.25, -0.5), threshold=0.35
    )


def test_a_threshold_set_by_hand_stays_whatever_the_artefact_says():
    artefact = kept(ConfidenceGate(curve=(1.0, 1.0, 0.0)), threshold=0.35)
    assert ConfidenceGate(threshold=0.8).with_artefact(artefact).threshold == 0.8


def test_an_artefact_survives_the_disk(tmp_path):
    learned = ConfidenceGate(curve=(1.25, 0.75, -0.5))
    kept(learned, notes={"seed": 0}).save(tmp_path / "gate")
    back = Artefact.load(tmp_path / "gate", model_fingerprint="f")
    assert ConfidenceGate().with_artefact(back).curve == learned.curve
    assert back.card.notes["seed"] == 0
