from __future__ import annotations

import numpy as np
import pytest
from little_router import MODEL, expert_of

from rag_router.artefacts import Artefact, Card
from rag_router.assembly import Parts, assemble, check
from rag_router.errors import ArtefactError, SettingsError, UnknownNameError
from rag_router.settings import PolicySettings, Settings, VerifySettings

EXPERT = expert_of(MODEL)
PARTS = Parts(expert=EXPERT, embedder=None, indexes={})
HEADS = {
    f"{name}.{part}": np.array(value)
    for name in ("memory", "passages", "conflict")
    for part, value in (("weights", [0.0]), ("bias", [0.0]), ("curve", [1.0, 0.0]))
}


def assembled(**policy):
    return assemble(Settings(policy=PolicySettings(**policy)), PARTS)


def artefact(folder, *, right=True, notes=None):
    """Twenty outcomes of probability 0.9, all right or all wrong."""
    p, known = np.full(20, 0.9), np.full(20, float(right))
    outcomes = {
        f"{name}.{part}": value
        for name in ("ordering", "testing")
        for part, value in (("p", p), ("right", known))
    }
    card = Card(
        method="policy/joint",
        model="tiny",
        model_fingerprint=MODEL.fingerprint,
        prompt_hash=EXPERT.style.contextual_fingerprint,
        notes={"gate": "p_ik", "decoder": "plain"} if notes is None else notes,
    )
    Artefact(card=card, weights={**HEADS, **outcomes}).save(folder)
    return folder


def test_a_cost_says_from_where_on_an_answer_is_worth_giving():
    # c / (1 + c)
    assert assembled(wrong_cost=4.0).policy.min_confidence == pytest.approx(0.8)
    assert assembled(wrong_cost=0.0).policy.min_confidence == 0.0
    assert assembled().policy.min_confidence == 0.2


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"wrong_cost": 1.0, "min_confidence": 0.5}, "the same in two ways"),
        ({"max_risk": 0.2}, "max_risk needs outcomes"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_a_model_is_loaded(policy, words):
    with pytest.raises(SettingsError, match=words):
        check(Settings(policy=PolicySettings(**policy)))


def test_without_an_artefact_the_quadrants_decide_and_it_is_known_that_more_was_wanted():
    built = assembled(name="joint")
    assert (built.outlook.fitted, built.outlook.wanted) == (False, True)
    assert built.policy.min_support == 0.1
    assert not assembled().outlook.wanted


def test_a_risk_cannot_be_promised_without_outcomes():
    with pytest.raises(SettingsError, match="no outcomes were learned"):
        assembled(name="joint", max_risk=0.2)


def test_a_promised_risk_raises_what_an_answer_must_reach(tmp_path):
    folder = artefact(tmp_path / "joint")
    built = assembled(name="joint", artefact=folder, max_risk=0.2)
    assert built.outlook.fitted
    assert (built.policy.min_confidence, built.policy.min_support) == (0.9, 0.0)
    # A cost that asks for more counts; so does support that somebody asked for.
    strict = assembled(
        name="joint", artefact=folder, max_risk=0.2, wrong_cost=19.0, min_support=0.3
    )
    assert strict.policy.min_confidence == pytest.approx(0.95)
    assert strict.policy.min_support == 0.3


def test_a_risk_that_no_threshold_keeps_lets_nothing_be_answered(tmp_path):
    folder = artefact(tmp_path / "joint", right=False)
    built = assembled(name="joint", artefact=folder, max_risk=0.2)
    assert built.policy.min_confidence == 1.0


def test_what_was_fitted_with_another_gate_is_refused(tmp_path):
    folder = artefact(tmp_path / "joint", notes={"gate": "always", "decoder": "plain"})
    with pytest.raises(ArtefactError, match="always"):
        assembled(name="joint", artefact=folder)


def test_an_artefact_of_something_else_is_refused(tmp_path):
    folder = artefact(tmp_path / "joint")
    whole = Artefact.load(folder)
    Artefact(card=whole.card, weights={"memory.weights": np.zeros(1)}).save(tmp_path / "part")
    with pytest.raises(ArtefactError, match="is no policy's"):
        assembled(name="joint", artefact=tmp_path / "part")


def test_a_verifier_is_built_with_its_options_and_its_budget():
    verify = VerifySettings(name="likelihood", max_rounds=2, window=5, min_drop=1.5)
    built = assemble(Settings(verify=verify), PARTS)
    assert built.verifier.min_drop == 1.5
    assert (built.rounds.most, built.rounds.window) == (2, 5)
    assert assemble(Settings(), PARTS).verifier is None


def test_an_unknown_verifier_or_option_is_refused_before_a_model_is_loaded():
    with pytest.raises(UnknownNameError):
        check(Settings(verify=VerifySettings(name="likelyhood")))
    with pytest.raises(SettingsError):
        check(Settings(verify=VerifySettings(name="likelihood", min_dorp=1.0)))


def test_a_verifier_without_its_model_is_there_and_says_what_it_lacks():
    built = assemble(Settings(verify=VerifySettings(name="entailment")), PARTS)
    assert built.verifier.lacks
