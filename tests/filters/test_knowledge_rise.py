from __future__ import annotations

import math

import numpy as np
import pytest
from asking import reader
from stand_ins import WORDS, hit, judged

from rag_router.artefacts import Card
from rag_router.errors import DataError, SettingsError
from rag_router.filters.knowledge_rise import RISES, KnowledgeRiseFilter
from rag_router.filters.studying import StudyingFilter
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.types import Judged

QUESTION = "who founded Oslo"
# Alone it would say "?" and is not sure; with a passage that names Harald it says so.
MODEL = ScriptedModel(
    lambda prompt: (
        Reply("Harald", 0.9) if "Harald" in prompt.rpartition("\n\n")[2] else Reply("?", 0.5)
    )
)
CARD = Card(method="filter/knowledge_rise", model="m", model_fingerprint="f", threshold=0.4)


def rises(*texts, support=None):
    line = [Judged(hit=one.hit, support=support) for one in judged(*texts)]
    context = reader(MODEL, [QUESTION])
    table = KnowledgeRiseFilter().columns([QUESTION], [line], context)[0]
    return [dict(zip(RISES, row, strict=True)) for row in table.tolist()], context


def test_the_rise_is_that_of_the_likeliest_token():
    (one, other), _ = rises("Harald founded Oslo.", "Bees hum.")
    assert one["rise"] == pytest.approx(0.9 - 0.5, abs=1e-5)
    assert other["rise"] == pytest.approx(0, abs=1e-6)
    # "H" was one of 257 tokens that shared the other half: log 0.9 - log(0.5 / 257).
    assert one["token_change"] == pytest.approx(math.log(0.9 / (0.5 / 257)), abs=1e-4)
    assert other["apart"] == pytest.approx(0, abs=1e-6)
    assert 0 < one["apart"] <= math.log(2)


def test_the_likeliest_token_may_stand_in_the_passage_and_others_may_lead_to_it():
    (one, two, other), _ = rises("Harald founded Oslo.", "It was Harald.", "Bees buzz.")
    assert (one["stands"], other["stands"]) == (1, 0)
    # One of two others agrees, and gives 0.9; the other one gives 0.5 / 257 to it.
    assert one["agreeing"] == two["agreeing"] == 1 / 2
    assert one["agreed"] == pytest.approx((0.9 + 0.5 / 257) / 2, abs=1e-3)
    assert other["agreeing"] == 0


def test_what_a_filter_said_before_is_heard():
    ((told,), _), ((untold,), _) = rises("Harald", support=0.75), rises("Harald")
    assert told["before"] == pytest.approx(math.log(0.75 / 0.25))
    assert math.isnan(untold["before"])


def test_every_passage_costs_one_prompt_and_blank_or_dropped_ones_none():
    dropped = Judged(hit=hit("Harald"), kept=False, why="repeats")
    context = reader(MODEL, [QUESTION])
    line = [dropped, *judged("", "Harald")]
    (out,) = KnowledgeRiseFilter().judge([QUESTION], [line], context)
    assert out[0] == dropped
    assert (out[1].kept, out[1].support) == (True, None)
    assert out[1].why == "kept: nothing stands in it that the model could read"
    assert out[2].support == pytest.approx(1 / (1 + math.exp(-0.4)), abs=1e-5)
    cost = context.board.cost(0)
    # The closed-book pass, and one prompt.
    assert cost.forward_rows == 1 + 1
    assert cost.prefill_tokens > 0


def test_without_a_model_it_says_what_it_needs():
    with pytest.raises(SettingsError, match="knowledge_rise"):
        KnowledgeRiseFilter().judge(["q"], [judged("a")], WORDS)


def lesson():
    random = np.random.default_rng(2)
    columns = random.normal(size=(400, len(RISES)))
    columns[:200, -1] = math.nan
    return columns, columns[:, 0] > 0.5, np.arange(400)


def test_it_learns_without_and_with_what_was_said_before():
    columns, helpful, owner = lesson()
    fitted = KnowledgeRiseFilter().study(columns, helpful, owner)
    assert isinstance(fitted, StudyingFilter)
    assert fitted.fitted
    assert set(fitted.arrays) == {"alone", "after"}
    p = np.array([fitted.support(figure) for figure in fitted.figures_of(columns)])
    assert p[helpful].mean() > 0.8 > 0.2 > p[~helpful].mean()
    unread = np.full((1, len(RISES)), math.nan)
    assert math.isnan(fitted.figures_of(unread)[0])
    with pytest.raises(DataError, match="both classes"):
        KnowledgeRiseFilter().study(columns, np.zeros(400, dtype=bool), owner)


def test_where_reading_adds_nothing_what_was_said_before_stays():
    random = np.random.default_rng(3)
    columns = random.normal(size=(200, len(RISES)))
    # Odds of 3 to 1 that are right so often: noise beside them is not to be believed.
    columns[:, -1] = np.where(random.random(200) < 0.5, math.log(3), -math.log(3))
    helpful = random.random(200) < 1 / (1 + np.exp(-columns[:, -1]))
    fitted = KnowledgeRiseFilter().study(columns, helpful, np.arange(200) // 5)
    said = np.array(fitted.figures_of(columns))
    assert np.abs(said - columns[:, -1]).max() < 0.4
    assert np.corrcoef(said, columns[:, -1])[0, 1] > 0.99


def test_where_all_that_helps_is_of_one_question_it_trusts_what_was_said_before():
    columns = np.random.default_rng(4).normal(size=(20, len(RISES)))
    helpful = np.arange(20) < 3
    fitted = KnowledgeRiseFilter().study(columns, helpful, np.minimum(np.arange(20) // 3, 4))
    assert fitted.arrays["after"][-2] == pytest.approx(1, abs=0.1)


def test_an_artefact_brings_the_head_but_not_over_a_threshold_set_by_hand():
    columns, helpful, owner = lesson()
    fitted = KnowledgeRiseFilter().study(columns, helpful, owner)
    artefact = fitted.to_artefact(CARD)
    again = KnowledgeRiseFilter().with_artefact(artefact)
    assert again.figures_of(columns) == fitted.figures_of(columns)
    assert again.min_support == 0.4
    assert KnowledgeRiseFilter(min_support=0.7).with_artefact(artefact).min_support == 0.7
