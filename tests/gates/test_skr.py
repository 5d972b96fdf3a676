"""Seen questions vote, and a classifier on the question."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import Known, lesson, question

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt, auroc, logit
from rag_router.errors import ArtefactError, DataError
from rag_router.gates import FittedGate, assess
from rag_router.gates.skr_classifier import SKRClassifierGate
from rag_router.gates.skr_neighbours import SKRNeighboursGate, least_votes
from rag_router.gates.sources import mark_of
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.signals import Board, Cost, Partners
from rag_router.signals.question_embedding import Embedded, QuestionEmbedding

GATES = [SKRClassifierGate, SKRNeighboursGate]
EMBEDDER = HashingEmbedder(dimension=64)
RIVERS = ("Nile", "Rhine", "Volga", "Indus", "Congo", "Tagus", "Loire", "Ganges")
KINGS = ("Olaf", "Knut", "Erik", "Sven", "Harald", "Magnus", "Haakon", "Sverre")
# The model knows rivers and no kings, but for one of either.
ASKED = [f"how long is the river {a} near {b}" for a in RIVERS for b in KINGS[:4]]
ASKED += [f"when did king {a} the {b} reign" for a in KINGS for b in ("old", "good", "wild", "shy")]
RIGHT = [n % 32 != 7 if n < 32 else n % 32 == 9 for n in range(64)]


def board(*texts, embedder=EMBEDDER):
    asked = [question(text, str(n)) for n, text in enumerate(texts)]
    partners = Partners(embedder=embedder)
    return Board(ScriptedModel({}), PromptStyle(), asked, partners=partners)


def features(gate, *texts, embedder=EMBEDDER):
    facts = board(*texts, embedder=embedder)
    return gate.features(facts.questions, facts.signals(range(len(texts)), gate.needs))


def told(gate, **more):
    return lesson(features(gate, *ASKED), RIGHT, **more)


def kept(gate, **more):
    notes = {**gate.options, "train": 64}
    about = Card(method="gate/skr", model="m", model_fingerprint="f", notes=notes, **more)
    return Artefact(card=about, weights=gate.learned)


# --- what both do -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GATES)
def test_it_tells_what_is_like_the_known_from_what_is_not(kind):
    gate = kind().fit(told(kind()))
    river, king = assess(gate, board("how long is the river Ebro", "when did king Ole reign"))
    assert river.p_know > 0.7 > 0.3 > king.p_know
    assert (river.retrieve, king.retrieve) == (False, True)


@pytest.mark.parametrize("kind", GATES)
def test_it_needs_the_embedder_and_costs_no_token(kind):
    gate = kind().fit(told(kind()))
    assert gate.needs == (QuestionEmbedding(),)
    facts = board("how long is the river Ebro")
    assess(gate, facts)
    assert facts.cost(0) == Cost()


@pytest.mark.parametrize("kind", GATES)
def test_until_it_is_fitted_it_says_one_half(kind):
    gate = kind()
    assert not gate.fitted
    assert isinstance(gate, FittedGate)
    assert [v.p_know for v in assess(gate, board("a", "b"))] == [0.5, 0.5]


@pytest.mark.parametrize("kind", GATES)
def test_it_survives_the_disk_and_judges_the_same(kind, tmp_path):
    gate = kind().fit(told(kind()))
    kept(gate, threshold=0.5, threshold_goal="even").save(tmp_path / "gate")
    again = kind().with_artefact(Artefact.load(tmp_path / "gate"))
    rows = features(gate, *ASKED)
    assert again.probabilities(rows).tolist() == gate.probabilities(rows).tolist()
    assert {k: v.dtype for k, v in again.learned.items()} == {
        k: v.dtype for k, v in gate.learned.items()
    }


@pytest.mark.parametrize("kind", GATES)
def test_questions_are_judged_alone_and_in_company_alike(kind):
    gate = kind().fit(told(kind()))
    texts = ["how long is the river Ebro", "when did king Ole reign", "what?"]
    together = assess(gate, board(*texts))
    assert together == [assess(gate, board(text))[0] for text in texts]
    assert assess(gate, board()) == []


@pytest.mark.parametrize("kind", GATES)
def test_the_same_lesson_teaches_the_same_gate(kind):
    assert kind().fit(told(kind(), seed=4)) == kind().fit(told(kind(), seed=4))


@pytest.mark.parametrize("kind", GATES)
def test_one_class_alone_teaches_nothing(kind):
    rows = features(kind(), *ASKED)
    with pytest.raises(DataError, match="both classes"):
        kind().fit(lesson(rows, [True] * 64))


@pytest.mark.parametrize("kind", GATES)
def test_broken_features_are_an_error_that_names_the_rows(kind):
    rows = features(kind(), *ASKED)
    rows[[3, 5], 2] = np.nan
    with pytest.raises(DataError, match="2 of 64 questions is not finite: rows 3, 5"):
        kind().fit(lesson(rows, RIGHT))


@pytest.mark.parametrize("kind", GATES)
def test_another_embedder_than_it_learned_from_is_an_error(kind):
    gate = kind().fit(told(kind()))
    other = HashingEmbedder(dimension=65)
    with pytest.raises(ArtefactError, match="another proxy or embedder"):
        gate.probabilities(features(gate, "what?", embedder=other))


def test_the_classifier_scores_questions_it_did_not_learn_from():
    gate = SKRClassifierGate()
    fitted = gate.fit(told(gate))
    assert auroc(fitted.score(features(gate, *ASKED)), RIGHT) > 0.95
    # Its weights are on the embedding itself, one for each number.
    assert fitted.arrays["weights"].shape == (64,)


# --- the vote ---------------------------------------------------------------------------------


def at(*angles):
    """Embedded questions on a circle, in degrees."""
    turned = np.radians(angles)
    vectors = np.column_stack([np.cos(turned), np.sin(turned)])
    return [Embedded("circle", vector.astype(np.float32)) for vector in vectors]


def around(*angles):
    signals = Known({QuestionEmbedding(): at(*angles)})
    return SKRNeighboursGate().features([question("?")] * len(angles), signals)


def test_features_are_the_embedders_mark_and_the_vector():
    assert around(0)[0].tolist() == pytest.approx([mark_of("circle"), 1, 0])


def test_the_nearest_ones_vote_and_none_for_itself():
    rows = around(0, 10, 20, 90, 100, 110)
    gate = SKRNeighboursGate(neighbours=2).fit(
        lesson(rows, [True, True, False, False, False, True])
    )
    # 5 degrees: 0 and 10 are nearest, both known. 96: 100 and 90, none known. 60: 90 and 20.
    assert gate.votes(around(5, 96, 60)).tolist() == [2, 0, 0]
    # Without its own vote, 10 hears 0 and 20: one known.
    assert gate.votes(around(10), np.array([1])).tolist() == [1]


def test_the_probability_is_a_curve_over_the_smoothed_share():
    rows = around(*range(0, 360, 6))
    right = [n < 30 or n % 7 == 0 for n in range(60)]
    gate = SKRNeighboursGate(neighbours=4).fit(lesson(rows, right))
    votes = gate.votes(around(90, 270))
    slope, intercept = gate.arrays["calibrator.platt"]
    # log-odds of (l + 1) / (k + 2), with k = 4
    by_hand = Platt((slope,), intercept)(logit((votes + 1) / 6))
    assert gate.probabilities(around(90, 270)).tolist() == pytest.approx(by_hand.tolist())
    assert slope > 0


def test_a_verdict_says_how_the_vote_went():
    gate = SKRNeighboursGate().fit(told(SKRNeighboursGate()))
    found = assess(gate, board("how long is the river Ebro"))[0]
    # 32 of 64 seen questions were known, so the paper asks for 10 * 32 / 64 = 5 votes of 10.
    assert (found.signals["voters"], found.signals["enough"]) == (10, 5)
    assert found.signals["votes"] >= 5


def test_the_paper_weighs_votes_by_how_many_were_known():
    # l / (10 - l) >= 47 / 62:  4 / 6 = 0.67 is less than 0.758, 5 / 5 = 1 is not.
    assert least_votes("paper", 10, 47, 62) == 5
    # l / (10 - l) >= 10 / 90:  1 / 9 is just that.
    assert least_votes("paper", 10, 10, 90) == 1
    # l / (10 - l) >= 9:  9 / 1.
    assert least_votes("paper", 10, 90, 10) == 9


def test_the_released_rule_is_a_strict_majority_where_the_classes_are_near():
    # 62 known, 47 not: floor(15 * 10 / 109) = 1, and a tie of 5 to 5 is no majority.
    assert least_votes("released", 10, 62, 47) == 6
    # The other way round a tie goes to the rarer class, which is "known".
    assert least_votes("released", 10, 47, 62) == 5


def test_the_released_rule_asks_for_more_where_one_class_is_rare():
    # floor((90 - 10) * 10 / 100) = 8 ahead: 9 to 1.
    assert least_votes("released", 10, 90, 10) == 9
    # Not known needs to be 8 ahead: 1 vote of 10 is still not known, 2 are known.
    assert least_votes("released", 10, 10, 90) == 2


@given(
    st.sampled_from(["paper", "released"]),
    st.integers(1, 50),
    st.integers(1, 500),
    st.integers(1, 500),
)
def test_all_votes_are_enough_and_none_are_not(rule, voters, known, unknown):
    assert 1 <= least_votes(rule, voters, known, unknown) <= voters


@pytest.mark.parametrize("rule", ["paper", "released"])
def test_the_rule_decides_where_nobody_stated_a_goal(rule):
    gate = SKRNeighboursGate(rule=rule)
    fitted = gate.fit(told(gate))
    again = gate.with_artefact(kept(fitted, threshold=0.5, threshold_goal="even"))
    least = least_votes(rule, 10, sum(RIGHT), 64 - sum(RIGHT))
    rows = features(gate, *ASKED, "how long did king Olaf reign", "when was the river shy")
    for one in (fitted, again):
        enough = one.votes(rows) >= least
        assert ((one.probabilities(rows) >= one.threshold) == enough).all()
        assert 0 < enough.sum() < len(rows)


def test_a_stated_goal_goes_before_the_rule_and_a_hand_before_both():
    fitted = SKRNeighboursGate().fit(told(SKRNeighboursGate()))
    stated = kept(fitted, threshold=0.77, threshold_goal="error<=0.3")
    assert SKRNeighboursGate().with_artefact(stated).threshold == 0.77
    assert SKRNeighboursGate(threshold=0.2).with_artefact(stated).threshold == 0.2
    assert SKRNeighboursGate(threshold=0.2).fit(told(SKRNeighboursGate())).threshold == 0.2


@pytest.mark.parametrize(("kept", "known"), [(10, 5), (40, 16), (64, 16)])
def test_no_more_are_kept_than_it_is_told_to_and_the_rarer_class_up_to_half(kept, known):
    gate = SKRNeighboursGate(kept=kept, neighbours=3)
    right = [n % 4 == 0 for n in range(64)]  # 16 of 64
    fitted = gate.fit(lesson(features(gate, *ASKED), right))
    assert fitted.arrays["seen"].shape == (kept, 64)
    assert fitted.arrays["seen"].dtype == np.int8
    assert fitted.arrays["knows"].sum() == known
    other = gate.fit(lesson(features(gate, *ASKED), right, seed=1))
    assert (other == fitted) == (kept == 64)


def test_the_rule_goes_by_those_who_have_a_vote():
    gate = SKRNeighboursGate(kept=10, neighbours=4)
    right = [n % 4 == 0 for n in range(64)]
    rows = features(gate, *ASKED)
    # Of the ten that are kept 5 were known: l / (4 - l) >= 5 / 5 asks for 2 of 4 votes.
    assert gate.fit(lesson(rows, right)).figures(rows)["enough"][0] == 2


def test_what_is_kept_is_near_what_was_seen():
    rows = features(SKRNeighboursGate(), *ASKED)
    fitted = SKRNeighboursGate().fit(told(SKRNeighboursGate()))
    kept_vectors = fitted.arrays["seen"] * fitted.arrays["scales"]
    # A step is the largest number of the vector / 127; rounding is off by half a step at most.
    steps = np.abs(rows[:, 1:]).max(axis=1, keepdims=True) / 127
    assert (np.abs(kept_vectors - rows[:, 1:]) <= steps / 2 + 1e-6).all()


def test_votes_may_be_about_what_retrieval_changed():
    gate = SKRNeighboursGate(labels="changed", neighbours=3)
    right = np.array(RIGHT)
    helped = right.copy()
    helped[:20], helped[40:60] = False, True  # worse for 19 rivers, better for 19 kings
    fitted = gate.fit(told(gate, helped=helped))
    # 0 to 19 are right but for 7; 40 to 59 are wrong but for 41. The others have no vote.
    assert (len(fitted.arrays["knows"]), fitted.arrays["knows"].sum()) == (19 + 19, 19)


def test_votes_about_change_need_answers_with_retrieval():
    gate = SKRNeighboursGate(labels="changed")
    with pytest.raises(DataError, match="needs answers with retrieval"):
        gate.fit(told(gate))
    with pytest.raises(DataError, match="0 known and 0 unknown questions have a vote"):
        gate.fit(told(gate, helped=np.array(RIGHT)))


def test_votes_that_speak_against_themselves_are_not_gone_by():
    # Neighbours on the circle alternate, so that each hears the other class.
    rows = around(*range(0, 360, 6))
    right = [n % 2 == 0 for n in range(60)]
    gate = SKRNeighboursGate(neighbours=2).fit(lesson(rows, right))
    # What is left is how many are right: (30 + 1) / (60 + 2).
    assert gate.probabilities(around(0, 6)).tolist() == pytest.approx([0.5, 0.5])
