"""P(IK): a probe that finds what is planted, and only where it is planted."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from insides import board_of, kept, planted, saved
from little_house import asked, scripted_expert
from stand_ins import lesson

from rag_router.calibration import auroc
from rag_router.errors import DataError, SettingsError
from rag_router.eval.features import read_features
from rag_router.eval.fitting import fit_gate, out_of_fold
from rag_router.eval.labels import label
from rag_router.gates import assess
from rag_router.gates.p_ik import PIKGate
from rag_router.models.scripted import Reply
from rag_router.signals import Cost
from rag_router.signals.closed_book import ClosedBookPass
from rag_router.signals.first_distribution import SHAPE_FIGURES, distribution_figures
from rag_router.types import Question

LAYERS, WIDTH = 3, 10
HEADS = ("joined", "logistic", "mlp")
BY_LAYER = ("logistic", "mlp")


def told(n=200, *, where=1, seed=0, strength=3.0, **more):
    """Three layers; only one of them tells right from wrong."""
    draw = np.random.default_rng(seed + 100)
    states = draw.normal(size=(n, LAYERS, WIDTH))
    states[:, where], right = planted(n, WIDTH, seed=seed, strength=strength)
    return lesson(shaped(states.reshape(n, -1)), right, **more)


def shaped(states, figures=None):
    """States and the shape of the next-token distribution, which says nothing by default."""
    return np.column_stack(
        [states, np.zeros((len(states), SHAPE_FIGURES)) if figures is None else figures]
    )


def gate(head="logistic", **more):
    return PIKGate(layers=(1, 2, 3), head=head, **more)


@pytest.fixture(scope="module", params=HEADS)
def fitted(request):
    return gate(head=request.param).fit(told())


def test_until_it_is_fitted_it_is_the_likeliest_first_tokens_probability():
    states = np.zeros((5, WIDTH))
    assert not PIKGate().fitted
    facts = board_of({"a": states})
    likeliest = facts.read(ClosedBookPass(), [0])[0].stream.logits.softmax(dim=-1).max()
    verdict = assess(PIKGate(), facts)[0]
    assert (verdict.p_know, verdict.signals) == (pytest.approx(float(likeliest), abs=1e-6), {})
    # Four tokens alike: each has a probability of 1 / 4.
    assert PIKGate().p_ik_of(states, np.zeros(4)).tolist() == pytest.approx([0.25])


def test_a_planted_direction_is_found_in_questions_it_never_saw(fitted):
    other = told(300, seed=1)
    p = fitted.probabilities(other.features)
    assert auroc(p, other.right) > 0.95
    assert np.mean((p > 0.5) == other.right) > 0.85


def test_what_is_judged_apart_is_judged_as_well():
    # A difference of 3 standard deviations between the classes: AUROC = Phi(3 / sqrt 2) = 0.983.
    lesson_ = told()
    assert auroc(out_of_fold(gate(), lesson_), lesson_.right) == pytest.approx(0.983, abs=0.03)


def test_noise_is_not_learned():
    # The joined head chooses nothing but its penalty; a choice of layers would follow the noise.
    lesson_ = told(strength=0.0)
    p = out_of_fold(gate(head="joined"), lesson_)
    assert auroc(p, lesson_.right) == pytest.approx(0.5, abs=0.12)
    assert np.mean(np.abs(p - 0.5)) < 0.15


@pytest.mark.parametrize("where", range(LAYERS))
def test_the_layer_that_tells_is_the_one_that_is_read(where):
    learned = gate().fit(told(where=where, strength=5.0))
    assert learned.notes["chosen_layers"] == [where + 1]
    weights = np.abs(learned.arrays["weights"][0])
    assert weights.argmax() == 0
    assert weights[0] > 3 * weights[1:].max()


def test_layers_that_say_the_same_are_averaged():
    states, right = planted(200, WIDTH, strength=2.0)
    draw = np.random.default_rng(5)
    seen = np.stack([states + draw.normal(size=states.shape) for _ in range(LAYERS)], axis=1)
    learned = gate().fit(lesson(shaped(seen.reshape(200, -1)), right))
    assert len(learned.notes["chosen_layers"]) > 1
    assert learned.notes["penalty"] > 0


def test_a_share_of_right_samples_is_learned_where_there_is_one():
    # The greedy answer is right by a toss; how many samples are right depends on the state.
    states, known = planted(300, WIDTH, strength=4.0)
    draw = np.random.default_rng(6)
    seen = shaped(np.repeat(states[:, None], LAYERS, axis=1).reshape(300, -1))
    tossed = draw.random(300) < np.where(known, 0.6, 0.4)
    plain = lesson(seen, tossed)
    soft = replace(plain, share=np.where(known, 0.6, 0.4))
    scores = [gate().fit(each).score(seen) for each in (plain, soft)]
    assert auroc(scores[1], known) > auroc(scores[0], known)
    assert auroc(scores[1], known) > 0.98


def test_the_joined_head_hears_states_and_distribution_together():
    """Each tells half: d' = 2 apart gives AUROC Phi(2 / sqrt 2) = 0.921; both, 2 sqrt 2, 0.977."""
    n = 400
    states, right = planted(n, WIDTH, strength=2.0)
    draw = np.random.default_rng(7)
    figures = draw.normal(size=(n, SHAPE_FIGURES))
    figures[:, 3] += np.where(right, 1.0, -1.0)
    alone = np.repeat(states[:, None], LAYERS, axis=1).reshape(n, -1)
    p = [
        out_of_fold(gate(head="joined"), lesson(shaped(alone, heard), right))
        for heard in (None, figures)
    ]
    assert auroc(p[0], right) == pytest.approx(0.921, abs=0.03)
    assert auroc(p[1], right) == pytest.approx(0.977, abs=0.02)


def test_the_same_lesson_teaches_the_same(fitted):
    assert gate(head=fitted.head).fit(told()) == fitted


def test_what_was_learned_survives_the_disk(fitted, tmp_path):
    artefact = saved(fitted, tmp_path / "gate", threshold=0.4)
    again = PIKGate().with_artefact(artefact)
    assert again == replace(fitted, threshold=0.4)
    assert PIKGate(threshold=0.7).with_artefact(artefact).threshold == 0.7
    features = told(seed=3).features
    assert again.probabilities(features).tolist() == fitted.probabilities(features).tolist()


@pytest.mark.parametrize("head", HEADS)
def test_the_artefact_is_small(head, tmp_path):
    draw = np.random.default_rng(0)
    right = np.arange(120) % 2 == 0
    features = draw.normal(size=(120, 7 * 640))
    saved(PIKGate(head=head).fit(lesson(shaped(features), right)), tmp_path / "gate")
    assert (tmp_path / "gate" / "weights.safetensors").stat().st_size < 300_000


def test_the_layers_from_a_third_of_the_depth_up_are_candidates():
    # Layer l of 18 holds the number l everywhere.
    state = np.repeat(np.arange(19.0)[:, None], 2, axis=1)
    board = board_of({"a": state})
    row = PIKGate().features(board.questions, board.signals([0], PIKGate().needs))[0]
    assert row[:-SHAPE_FIGURES].tolist() == [6, 6, 8, 8, 10, 10, 12, 12, 14, 14, 16, 16, 18, 18]
    some = PIKGate(layers=(14, 0))
    row = some.features(board.questions, board.signals([0], some.needs))[0]
    assert row[:-SHAPE_FIGURES].tolist() == [14, 14, 0, 0]


def test_a_layer_that_is_not_there_is_an_error():
    with pytest.raises(SettingsError, match="no layer 40"):
        assess(PIKGate(layers=(2, 40)), board_of({"a": np.zeros((5, WIDTH))}))


def test_it_costs_nothing_beyond_the_closed_book_pass(fitted):
    board = board_of({"a": np.zeros((4, WIDTH)), "b": np.ones((4, WIDTH))})
    verdicts = assess(fitted, board)
    spread = set() if fitted.head == "joined" else {"logit_spread"}
    assert set(verdicts[0].signals) == {"logit"} | spread
    assert board.cost(0) == Cost()
    assert [signal.name for signal in fitted.needs] == [
        "hidden_states",
        "first_distribution",
    ]


def test_p_ik_can_be_read_after_any_prompt(fitted):
    seen = told(2, seed=9).features
    one, other = seen[:, :-SHAPE_FIGURES].reshape(2, LAYERS, WIDTH)
    prompts = np.stack([np.concatenate([np.zeros((1, WIDTH)), each]) for each in (one, other)])
    logits = np.log([0.7, 0.2, 0.1])
    seen[:, -SHAPE_FIGURES:] = distribution_figures(torch.tensor(logits[None]))
    p = fitted.p_ik_of(prompts, np.stack([logits, logits]))
    assert p == pytest.approx(fitted.probabilities(seen), abs=1e-5)
    assert fitted.p_ik_of(prompts[1], logits) == pytest.approx(p[1:], abs=1e-6)
    # What is learned as knowing lies along the first component of the second layer.
    pushed = prompts[0] + 4.0 * (np.arange(4) == 2)[:, None] * (np.arange(WIDTH) == 0)
    assert fitted.p_ik_of(pushed, logits) > fitted.p_ik_of(prompts[0], logits)


def test_p_ik_of_states_that_do_not_fit_is_an_error(fitted):
    with pytest.raises(DataError, match="width 5 were given to what learned from 10"):
        fitted.p_ik_of(np.zeros((4, 5)), np.zeros(3))
    with pytest.raises(DataError, match="not finite"):
        fitted.p_ik_of(np.full((4, WIDTH), np.nan), np.zeros(3))


@pytest.mark.parametrize("head", HEADS)
def test_states_that_do_not_vary_teach_only_how_often_the_model_is_right(head):
    right = np.arange(100) < 25
    learned = gate(head=head).fit(lesson(shaped(np.ones((100, LAYERS * WIDTH))), right))
    p = learned.probabilities(shaped(np.ones((3, LAYERS * WIDTH))))
    assert p == pytest.approx([0.25] * 3, abs=0.03)


def test_it_is_fitted_like_any_other_gate():
    """Through the closed-book pass of a model whose state shows how sure it is."""
    number = re.compile(r"item (\d+)")

    def reply(prompt):
        n = int(number.search(asked(prompt))[1])
        return Reply("yes" if n % 3 == 0 else "nay", 0.9, sureness=1.0 if n % 3 == 0 else -1.0)

    expert = scripted_expert(reply)
    questions = [Question(id=f"q{n}", text=f"Is item {n} in?", answers=("yes",)) for n in range(90)]
    labelled = label(expert, questions, batch_size=90)
    features = read_features({"p_ik": PIKGate()}, expert, labelled, batch_size=90)["p_ik"]
    right = [one.right for one in labelled]
    artefact = fit_gate("p_ik", PIKGate(), expert, questions, lesson(features, right))
    assert artefact.card.metrics["auroc"] == 1.0
    assert artefact.card.notes["layers"] == ()
    assert kept(PIKGate().with_artefact(artefact)).weights.keys() == artefact.weights.keys()
