"""Walks of a scripted model: what they say is known, and so is what they see."""

from __future__ import annotations

import math

import numpy as np
import pytest
from stand_ins import passage, question
from watched import WatchedModel, expert_of

from rag_router.decoders.comparison import FIGURES
from rag_router.eval.disputes import Dispute
from rag_router.eval.walks import CANDIDATES, walk
from rag_router.models.scripted import Reply
from rag_router.outcomes import RecordCache


def script(prompt):
    return Reply("Rome", 0.6) if "It is Rome" in prompt else Reply("Oslo", 0.9)


DISPUTES = [
    Dispute(0, question("which city is it"), "counterfactual", (passage("It is Rome."),)),
    Dispute(1, question("which city is that one"), "irrelevant", (passage("Bees make honey."),)),
]


def walked(alphas=(-1.0, 0.0), model=None, **more):
    return walk(alphas, expert_of(model or WatchedModel(script)), DISPUTES, **more)


def texts(lines):
    return [[one.text for one in line] for line in lines]


def test_at_minus_one_memory_speaks_and_at_nought_the_passages():
    assert texts(walked()) == [["Oslo", "Rome"], ["Oslo", "Oslo"]]


def test_a_walk_is_its_tokens_and_what_ended_it():
    model = WatchedModel(script)
    for line in walked(model=model):
        for one in line:
            tokens = [int(row[at]) for row, at in zip(one.tokens, one.chosen, strict=True)]
            assert model.decode(tokens[:-1]) == one.text
            assert tokens[-1] in model.end_ids
            assert one.figures.shape == (len(tokens), len(FIGURES))
            assert one.closed.shape == one.context.shape == (len(tokens), 2 * CANDIDATES)


def test_what_is_seen_is_what_both_streams_say_of_the_token():
    rome = walked()[0][1]
    at = rome.chosen[0]
    assert rome.context[0, at] == pytest.approx(math.log(0.6), abs=1e-5)
    figures = dict(zip(FIGURES, rome.figures[0], strict=True))
    assert figures["best_closed"] == pytest.approx(math.log(0.9), abs=1e-5)
    assert figures["best_context"] == pytest.approx(math.log(0.6), abs=1e-5)
    assert figures["agreement"] == 0.0


def test_the_chosen_token_is_the_best_of_the_candidates():
    for alpha, one in zip((-1.0, 0.0), walked()[0], strict=True):
        scores = one.context + alpha * (one.context - one.closed)
        best = scores[np.arange(len(one.chosen)), one.chosen]
        assert (best >= scores.max(axis=1) - 1e-5).all()


def test_what_was_walked_once_asks_the_model_for_nothing(tmp_path):
    cache = RecordCache(tmp_path / "kept.sqlite")
    first = walked(cache=cache)
    again = walked(model=WatchedModel(script, lasts=0), cache=cache)
    assert texts(again) == texts(first)
    for one, other in zip(first[0], again[0], strict=True):
        assert np.array_equal(one.figures, other.figures)
        assert np.array_equal(one.tokens, other.tokens)
    cache.close()


class StepsCounted(WatchedModel):
    """Counts the rows that it is asked to go on with."""

    rows = 0

    def step(self, cache, tokens):
        self.rows += len(tokens)
        return super().step(cache, tokens)


def test_a_further_alpha_is_walked_by_itself(tmp_path):
    cache = RecordCache(tmp_path / "kept.sqlite")
    walked((0.0,), cache=cache)
    further, alone = StepsCounted(script), StepsCounted(script)
    found = walked((-1.0, 0.0), model=further, cache=cache)
    walked((-1.0,), model=alone)
    assert texts(found) == texts(walked())
    assert further.rows == alone.rows > 0
    cache.close()
