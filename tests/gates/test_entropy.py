from __future__ import annotations

import math

import numpy as np
import pytest
from stand_ins import Known, lesson, question, said

from rag_router.gates import assess
from rag_router.gates.entropy import EntropyGate
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board
from rag_router.signals.first_token import FirstTokenFigures

MODEL = ScriptedModel({"sure": Reply("yes", 0.9), "mute": Reply("")}, otherwise=Reply("no", 0.3))


def figures(gate, *answers):
    """What the gate reads off answers: the first token's entropy, then the probabilities."""
    firsts = [FirstTokenFigures(entropy, 0.5) for entropy, _ in answers]
    told = dict(zip(gate.needs, ([said(*p) for _, p in answers], firsts), strict=True))
    return gate.features([question("?")] * len(answers), Known(told))


def spread(p):
    """Entropy of one byte of probability p and the other 257 tokens evenly."""
    return -p * math.log(p) - (1 - p) * math.log((1 - p) / 257)


def test_the_entropy_of_the_first_token_and_the_mean_surprisal_by_hand():
    # -(ln 0.5 + ln 0.2) / 2 = ln(10) / 2
    found = figures(EntropyGate(), (1.25, [0.5, 0.2]))
    assert found[0].tolist() == pytest.approx([1.25, math.log(10) / 2])


@pytest.mark.parametrize(
    ("statistic", "expected"), [("first", math.exp(-1.25)), ("surprisal", 10**-0.5)]
)
def test_unfitted_p_know_is_one_over_how_many_tokens_it_hesitates_between(statistic, expected):
    gate = EntropyGate(statistic=statistic)
    assert gate.names == (statistic,)
    assert gate.probabilities(figures(gate, (1.25, [0.5, 0.2])))[0] == pytest.approx(expected)


def test_an_empty_answer_is_not_known_however_sure_the_model_is_of_it():
    assert EntropyGate().probabilities(figures(EntropyGate(), (0.0, [])))[0] < 1e-5
    verdicts = assess(
        EntropyGate(threshold=0.01), Board(MODEL, PromptStyle(shots=0), [question("mute")])
    )
    assert verdicts[0].retrieve


def test_it_reads_a_models_own_distribution_and_decodes_nothing_more():
    board = Board(MODEL, PromptStyle(shots=0), [question("sure"), question("what")])
    sure, unsure = assess(EntropyGate(), board)
    assert sure.signals["first"] == pytest.approx(spread(0.9), abs=1e-4)
    assert unsure.signals["surprisal"] == pytest.approx(-math.log(0.3), abs=1e-4)
    assert sure.p_know > unsure.p_know
    # "yes" takes three steps after the pass.
    assert (board.cost(0).prefill_tokens, board.cost(0).decode_steps) == (0, 3)


def test_fitting_teaches_it_how_much_entropy_is_too_much():
    random = np.random.default_rng(0)
    entropies = random.uniform(0, 4, 800)
    right = random.random(800) < 1 / (1 + np.exp(2 * (entropies - 2)))
    gate = EntropyGate(statistic="first")
    fitted = gate.fit(lesson(figures(gate, *((h, [0.5]) for h in entropies)), right))
    assert fitted.curve == pytest.approx((-2.0, 4.0), abs=0.6)
    assert fitted.fitted
