"""Looking up where it helps: what is known, how far the index reaches, and what kind it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from insides import saved
from stand_ins import lesson

from rag_router.calibration import auroc
from rag_router.errors import DataError
from rag_router.gates import assess
from rag_router.gates.blocks import join_blocks
from rag_router.gates.confidence import ConfidenceGate
from rag_router.gates.retrieval_benefit import RetrievalBenefitGate
from rag_router.indices.lexical import LexicalIndex
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.signals import Board, Partners
from rag_router.types import Question

N, WIDTH = 400, 8


def knower():
    return ConfidenceGate(statistic="minimum", threshold=0.4)


def told(*, seed=0, searched=True):
    """Passages help where the index reaches far and memory is not right already."""
    draw = np.random.default_rng(seed)
    reach = draw.random((N, 5)) if searched else np.full((N, 5), -1.0)
    sure = draw.random((N, 1))
    right = draw.random(N) < sure[:, 0] ** 2
    with_passages = right | (draw.random(N) < reach[:, 4] ** 3)
    features = join_blocks([sure, reach, draw.normal(size=(N, WIDTH))])
    return lesson(features, right, helped=with_passages)


def gate(**more):
    return RetrievalBenefitGate(knows="confidence", gates=(knower(),), **more)


def test_it_learns_where_passages_help_and_where_they_cannot():
    fitted = gate().fit(told())
    other = told(seed=1)
    turned = other.helped & ~other.right
    # No score of what is known alone can tell these apart.
    assert auroc(1 - fitted.probabilities(other.features), turned) > 0.8
    assert auroc(1 - knower().probabilities(parts(other)), turned) < 0.7


def parts(one):
    return one.features[:, 3:4]


def test_what_is_right_already_cannot_be_turned_right():
    fitted = gate().fit(told())
    other = told(seed=2)
    known = fitted.gates[0].probabilities(parts(other))
    assert (fitted.probabilities(other.features) >= known - 1e-12).all()


def test_without_an_index_the_other_gate_decides():
    fitted = gate().fit(told())
    bare = told(seed=3, searched=False)
    spared = fitted.probabilities(bare.features)
    known = fitted.gates[0].probabilities(parts(bare))
    assert spared.tolist() == np.where(known < 0.4, known, 1.0).tolist()


def test_a_gate_that_says_what_is_known_is_taken_as_it_was_fitted():
    one = told()
    known = knower().fit(replace(one, features=parts(one)))
    fitted = RetrievalBenefitGate(knows="confidence", gates=(known,)).fit(one)
    assert fitted.gates == (known,)


def test_nobody_having_answered_with_passages_is_an_error():
    with pytest.raises(DataError, match="nobody answered these questions with passages"):
        gate().fit(replace(told(), helped=None))


def test_passages_that_never_helped_teach_nothing():
    one = told()
    with pytest.raises(DataError, match="both classes"):
        gate().fit(replace(one, helped=one.right))


def test_what_was_learned_survives_the_disk(tmp_path):
    fitted = gate().fit(told())
    again = RetrievalBenefitGate().with_artefact(saved(fitted, tmp_path / "gate", threshold=0.9))
    features = told(seed=4).features
    assert again.probabilities(features).tolist() == fitted.probabilities(features).tolist()
    assert again.threshold == 0.9
    assert again.gates[0].threshold == 0.4


def test_a_verdict_says_what_is_known_and_whether_looking_would_help():
    index = Named(["george rankin soldier and politician", "the river rhine"])
    fitted = gate(threshold=0.9).fit(told())
    verdicts = assess(fitted, board(["Who was George Rankin?", "Zanzibar sultan?"], (index,)))
    near, far = verdicts
    assert near.signals["reach"] == 1.0
    assert far.signals["reach"] == 0.0
    assert near.p_benefit > far.p_benefit
    for one in verdicts:
        helps = 1 - one.p_benefit < 0.9
        assert one.retrieve == (helps and one.p_know < 0.4)
        assert one.threshold == 0.4
        assert ("hardly help" in one.reason) == (not helps and one.p_know < 0.4)


def test_with_no_index_at_hand_a_verdict_is_the_other_gates():
    fitted = gate().fit(told())
    said = assess(fitted, board(["Who was George Rankin?"], ()))[0]
    assert said.p_benefit is None
    assert said.retrieve == (said.p_know < 0.4)


class Named(LexicalIndex):
    name = "one"


def board(texts, indexes):
    questions = [Question(id=text, text=text) for text in texts]
    return Board(
        ScriptedModel({}),
        PromptStyle(shots=0),
        questions,
        batch_size=4,
        partners=Partners(indexes=indexes),
    )
