from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from asking import reader
from stand_ins import judged

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import auroc
from rag_router.errors import DataError, SettingsError
from rag_router.filters import FILTERS
from rag_router.filters.representation import RepresentationFilter
from rag_router.filters.studying import StudyingFilter
from rag_router.models.scripted import Reply, ScriptedModel

NAMES = ("representation", "representation_contrastive")
every = pytest.mark.parametrize("name", NAMES)

# The states of the scripted model show how sure it is of its reply, and little else.
MODEL = ScriptedModel({"good": Reply("a", 0.9, 2.0), "bad": Reply("b", 0.9, -2.0)})


def planted(count, seed=0, width=6):
    """States whose first component tells the kinds apart, and whose second is far larger."""
    random = np.random.default_rng(seed)
    helpful = np.arange(count) % 2 == 0
    states = random.normal(size=(count, width))
    states[:, 0] += np.where(helpful, 2.0, -2.0)
    states[:, 1] *= 3
    return states, helpful.tolist()


def learned(filter_, states, helpful):
    """What it learns, where each question has two passages, one of each kind."""
    return filter_.study(states, np.array(helpful), np.arange(len(states)) // 2)


@cache
def taught(name):
    """What it learns of 80 planted states."""
    return learned(FILTERS.build(name), *planted(80))


@every
def test_it_reads_a_row_of_states_for_each_passage(name):
    filter_ = FILTERS.build(name)
    assert isinstance(filter_, StudyingFilter)
    assert filter_.prepared([judged("good")]) is filter_
    context = reader(MODEL, ["q", "r"])
    one, none = filter_.columns(["q", "r"], [judged("good", "bad", " "), []], context)
    assert one.shape == (3, 8)
    assert one[:, 0].tolist()[:2] == [2.0, -2.0]
    assert np.isnan(one[2]).all()
    assert none.shape == (0, 8)
    spent = context.board.cost(0)
    assert (spent.forward_rows, spent.decode_steps) == (2, 0)


@every
def test_it_learns_to_tell_helpful_passages(name):
    fitted = taught(name)
    assert fitted.fitted
    states, helpful = planted(120, seed=1)
    scores = fitted.score(fitted.arrays, states)
    assert auroc(scores, helpful) > 0.95
    supports = np.array([fitted.support(s) for s in scores])
    assert abs(supports.mean() - 0.5) < 0.1


def test_rows_that_could_not_be_read_are_left_out():
    states, helpful = planted(80)
    broken = np.vstack([states, np.full((2, 6), math.nan)])
    found = learned(RepresentationFilter(), broken, [*helpful, True, False])
    assert found == taught("representation")


def test_what_was_learned_judges_passages():
    random = np.random.default_rng(1)
    states = random.normal(scale=0.2, size=(100, 8))
    helpful = (np.arange(100) % 2 == 0).tolist()
    states[:, 0] += np.where(helpful, 2.0, -2.0)
    filter_ = learned(RepresentationFilter(min_support=0.5), states, helpful)
    out = filter_.judge(["q"], [judged("good", "bad", " ")], reader(MODEL, ["q"]))[0]
    assert [one.kept for one in out] == [True, False, True]
    assert out[0].support > 0.9 > 0.1 > out[1].support
    assert out[0].why.startswith("its states look helpful by ")
    assert out[2].support is None


@every
def test_before_it_has_learned_it_keeps_everything_and_asks_nothing(name):
    context = reader(MODEL, ["q"])
    one = FILTERS.build(name).judge(["q"], [judged("good")], context)[0][0]
    assert (one.kept, one.support) == (True, None)
    assert one.why == "kept: it has learned nothing of this model yet"
    assert context.board.cost(0).forward_rows == 0


@every
def test_an_artefact_brings_everything_back(name, tmp_path):
    fitted = replace(taught(name), layer=1, checks="agreeing")
    card = Card(method=f"filter/{name}", model="m", model_fingerprint="f", threshold=0.3)
    fitted.to_artefact(card).save(tmp_path / "a")
    back = FILTERS.build(name).with_artefact(Artefact.load(tmp_path / "a"))
    assert back.fitted
    assert (back.layer, back.checks, back.min_support) == (1, "agreeing", 0.3)
    states, _ = planted(9)
    assert back.score(back.arrays, states) == pytest.approx(fitted.score(fitted.arrays, states))


@every
def test_one_kind_alone_teaches_nothing(name):
    states, _ = planted(20)
    with pytest.raises(DataError, match="saw 20 that help and 0 that do not"):
        learned(FILTERS.build(name), states, [True] * 20)


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(SettingsError, match="there is no layer 7"):
        RepresentationFilter(layer=7).columns(["q"], [judged("good")], reader(MODEL, ["q"]))


def test_the_score_of_rep_pca_is_a_line_on_two_axes():
    states, _ = planted(60)
    fitted = taught("representation")
    axes, line = fitted.arrays["axes"], fitted.arrays["line"]
    assert axes.shape == (2, 6)
    by_hand = states[3] @ axes[0] * line[0] + states[3] @ axes[1] * line[1] + line[2]
    assert fitted.score(fitted.arrays, states[3:4])[0] == pytest.approx(by_hand)
