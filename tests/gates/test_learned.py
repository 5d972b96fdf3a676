"""Arrays as values, and what every gate does that learns a score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from insides import board_of, planted_lesson
from stand_ins import lesson

from rag_router.arrays import Arrays
from rag_router.artefacts import identity_of
from rag_router.calibration import auroc, even_folds
from rag_router.errors import DataError
from rag_router.gates import assess
from rag_router.gates.learned import FOLDS, LearnedGate, check_lesson, scores_apart
from rag_router.signals.hidden_states import HiddenStates


class FirstColumn(LearnedGate):
    """Scores by the first column, less its mean among what it learned from."""

    @property
    def needs(self):
        return (HiddenStates(),)

    def features(self, questions, signals):
        return np.array([state[-1] for state in signals.read(HiddenStates())], dtype=float)

    def taught(self, lesson):
        return {"mean": np.array([lesson.features[:, 0].mean()])}

    def score(self, features):
        return features[:, 0] - self.arrays["mean"]


def test_arrays_of_the_same_names_and_numbers_are_equal():
    one = Arrays({"a": np.array([1.0, 2.0]), "b": np.zeros((2, 3))})
    assert one == Arrays({"b": np.zeros((2, 3)), "a": np.array([1.0, 2.0])})
    assert hash(one) == hash(Arrays(dict(one)))
    assert one != Arrays({"a": np.array([1.0, 2.5]), "b": np.zeros((2, 3))})
    assert one != Arrays({"a": np.array([1.0, 2.0], dtype=np.float32), "b": np.zeros((2, 3))})
    assert one != Arrays()
    assert one != {"a": 1}
    assert (len(one), list(one), bool(Arrays())) == (2, ["a", "b"], False)
    assert repr(one) == "Arrays(a: (2,), b: (2, 3))"


def test_arrays_cannot_be_changed_from_inside_or_outside():
    mine = np.array([1.0])
    one = Arrays({"a": mine})
    mine[0] = 2.0
    assert one["a"].tolist() == [1.0]
    with pytest.raises(ValueError, match="read-only"):
        one["a"][0] = 3.0


def test_gates_that_would_judge_differently_have_different_identities():
    gates = [FirstColumn(), FirstColumn(arrays=Arrays({"mean": np.array([1.0])}))]
    assert identity_of(gates[0]) != identity_of(gates[1])
    assert identity_of(gates[1]) == identity_of(replace(gates[1]))


def test_a_score_of_other_folds_is_one_that_the_question_had_no_part_in():
    told = planted_lesson(40, 3)
    fold = even_folds(told.right, FOLDS, told.seed)
    found = scores_apart(FirstColumn(), told)
    rest = fold != fold[7]
    assert found[7] == pytest.approx(told.features[7, 0] - told.features[rest, 0].mean())


def test_a_fitted_gate_turns_the_score_into_a_probability():
    told = planted_lesson(400, 3, strength=2.0, share_right=0.25)
    gate = FirstColumn().fit(told)
    p = gate.probabilities(told.features)
    assert gate.fitted
    assert auroc(p, told.right) == pytest.approx(auroc(told.features[:, 0], told.right))
    assert p.mean() == pytest.approx(0.25, abs=0.02)
    assert set(gate.learned) == {"mean", "calibrator.platt"}


def test_a_verdict_shows_the_score_once_there_is_one():
    told = planted_lesson(200, 3, strength=6.0)
    states = {
        "known": np.array([[0, 0, 0], [3, 0, 0.0]]),
        "not": np.array([[0, 0, 0], [-3, 0, 0.0]]),
    }
    bare, unfitted = assess(FirstColumn(), board_of(states))
    assert (bare.p_know, bare.signals, bare.retrieve) == (0.5, {}, False)
    assert unfitted.p_know == 0.5
    known, unknown = assess(FirstColumn(threshold=0.6).fit(told), board_of(states))
    assert known.signals["score"] - unknown.signals["score"] == pytest.approx(3 - -3)
    assert (known.retrieve, unknown.retrieve) == (False, True)


def test_features_that_are_not_finite_are_an_error_that_says_where():
    features = np.ones((60, 2))
    features[[3, 17], 1] = np.nan, np.inf
    with pytest.raises(DataError, match="2 of 60 questions is not finite: rows 3, 17") as caught:
        check_lesson(lesson(features, [True, False] * 30))
    assert "float32" in caught.value.hint
    features[:8] = np.nan
    with pytest.raises(DataError, match=r"9 of 60 .*: rows 0, 1, 2, 3, 4, …"):
        FirstColumn().fit(lesson(features, [True, False] * 30))


@pytest.mark.parametrize("right", [0, 1, 59, 60])
def test_one_class_alone_teaches_nothing(right):
    with pytest.raises(DataError, match=f"both classes; saw {right} right and {60 - right} wrong"):
        FirstColumn().fit(lesson(np.ones((60, 2)), np.arange(60) < right))
