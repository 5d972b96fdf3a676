"""The answer probe: what the states after the answer tell, and the spread of its probability."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from insides import planted, saved
from little_house import asked, scripted_expert
from stand_ins import lesson

from rag_router.calibration import auroc
from rag_router.errors import DataError
from rag_router.eval.features import read_features
from rag_router.eval.fitting import out_of_fold
from rag_router.eval.labels import label
from rag_router.gates import assess
from rag_router.gates.answer_probe import AnswerProbeGate
from rag_router.models.scripted import Reply
from rag_router.signals import Board, ClosedBookAnswer
from rag_router.signals.answer_states import AnswerStates
from rag_router.types import Question

LAYERS, WIDTH = 5, 8


def told(n=300, *, where=2, strength=3.0, seed=0, figures=None):
    """Five layers, one of which tells right from wrong; six figures that say nothing by default."""
    draw = np.random.default_rng(seed + 50)
    states = draw.normal(size=(n, LAYERS, WIDTH))
    states[:, where], right = planted(n, WIDTH, seed=seed, strength=strength)
    spread = np.full((n, 6), 0.5) if figures is None else figures(right)
    return lesson(np.column_stack([states.reshape(n, -1), spread]), right)


def test_until_it_is_fitted_it_does_not_know():
    assert not AnswerProbeGate().fitted
    assert AnswerProbeGate().probabilities(told(4).features).tolist() == [0.5] * 4


@pytest.mark.parametrize("where", range(LAYERS))
def test_whichever_layer_tells_is_heard(where):
    # 3 standard deviations between the classes: AUROC = Phi(3 / sqrt 2) = 0.983.
    one = told(where=where)
    assert auroc(out_of_fold(AnswerProbeGate(), one), one.right) == pytest.approx(0.983, abs=0.02)


def test_the_spread_of_the_probability_is_heard_beside_the_states():
    """Two sources that each set the classes 2 apart: together Phi(2 sqrt 2 / sqrt 2) = 0.977."""
    draw = np.random.default_rng(3)

    def figures(right):
        odds = draw.normal(size=(len(right), 6)) * 0.01
        odds[:, 4] = draw.normal(size=len(right)) + np.where(right, 1.0, -1.0)
        return np.column_stack([1 / (1 + np.exp(-odds[:, :5])), odds[:, 5]])

    alone = told(400, strength=2.0)
    both = told(400, strength=2.0, figures=figures)
    p = [out_of_fold(AnswerProbeGate(), one) for one in (alone, both)]
    assert auroc(p[0], alone.right) == pytest.approx(0.921, abs=0.035)
    assert auroc(p[1], both.right) == pytest.approx(0.977, abs=0.02)


def test_what_was_learned_survives_the_disk(tmp_path):
    fitted = AnswerProbeGate().fit(told())
    again = AnswerProbeGate().with_artefact(saved(fitted, tmp_path / "gate", threshold=0.3))
    assert again == replace(fitted, threshold=0.3)
    assert fitted.notes["penalty"] > 0


def test_states_of_another_width_are_an_error():
    fitted = AnswerProbeGate().fit(told())
    with pytest.raises(DataError, match="width"):
        fitted.probabilities(np.zeros((1, LAYERS * 9 + 6)))


def test_it_is_read_after_the_answer_and_costs_one_pass_over_both():
    """A model whose state shows, once it has said something, whether that was true."""

    def reply(prompt):
        true = "lie" not in asked(prompt)
        return Reply("yes" if true else "nay", 0.9, sureness=1.0 if true else -1.0)

    expert = scripted_expert(reply)
    questions = [
        Question(id=f"q{n}", text=f"Is {n} a {'lie' if n % 2 else 'fact'}?", answers=("yes",))
        for n in range(60)
    ]
    labelled = label(expert, questions, batch_size=60)
    features = read_features({"a": AnswerProbeGate()}, expert, labelled, batch_size=60)["a"]
    fitted = AnswerProbeGate().fit(lesson(features, [one.right for one in labelled]))
    board = Board(expert.model, expert.style, questions[:2], batch_size=2)
    verdicts = assess(fitted, board)
    assert verdicts[0].p_know > 0.8 > 0.2 > verdicts[1].p_know
    decoded = len(board.read(ClosedBookAnswer(), [0])[0].tokens)
    cost = board.cost(0)
    assert cost.decode_steps >= decoded
    prompt = len(expert.model.encode(asked_prompt(expert, questions[0])))
    assert cost.prefill_tokens > prompt - 1


def asked_prompt(expert, question):
    from rag_router.models.prompts import closed_book_text

    return closed_book_text(expert.model, expert.style, question.text)


def test_an_empty_answer_leaves_the_states_after_the_question():
    expert = scripted_expert(lambda prompt: Reply("", 0.9))
    board = Board(expert.model, expert.style, [Question(id="a", text="Who?")], batch_size=1)
    states = board.read(AnswerStates(), [0])[0]
    assert np.isfinite(states).all()
