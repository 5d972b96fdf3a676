from __future__ import annotations

import math

import pytest

from rag_router.eval.silver import by_cxmi, by_inclusion, by_words, silver
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel

SENTENCES = ["It rains.", "Rome lies on the Tiber.", "The Tiber is a river in Rome."]


def test_inclusion_asks_for_whole_words():
    assert by_inclusion(SENTENCES, ["Tiber"]) == [0.0, 1.0, 1.0]
    assert by_inclusion(SENTENCES, ["Rom"]) == [0.0, 0.0, 0.0]
    assert silver(by_inclusion(SENTENCES, ["Rom"]), 0.5) is None


def test_overlap_is_that_of_words():
    # "the" is no word: "rome lies on tiber" has 4 words, "river tiber" 2, 1 in common: 2 / (4 + 2).
    assert by_words([SENTENCES[1]], ["the river Tiber"]) == [pytest.approx(2 / 6)]
    assert by_words(["cab"], ["abc"]) == [0.0]


def test_cxmi_is_nothing_where_the_sentence_makes_no_difference():
    def script(prompt):
        tells = "Tiber" in prompt.rsplit("\n\n", 1)[-1]
        return Reply(" Rome", 0.8 if tells else 0.4)

    scores = by_cxmi(
        ScriptedModel(script), PromptStyle(passage_tokens=500), "where", "Rome", SENTENCES
    )
    # " Rome" has five bytes, each of them twice as likely.
    assert scores == pytest.approx([0.0, 5 * math.log(2), 5 * math.log(2)], abs=1e-4)
    assert silver(scores, 0.1) == 1


def test_what_does_not_fit_the_prompt_is_worth_nothing():
    model = ScriptedModel({}, otherwise=Reply("Rome"))
    style = PromptStyle(passage_tokens=30)
    assert by_cxmi(model, style, "where", "Rome", ["word " * 20]) == [-math.inf]


def test_the_first_of_the_best_sentences_is_the_silver_one():
    assert silver([0.2, 0.7, 0.7], 0.5) == 1
    assert silver([0.2, 0.5], 0.5) == 1
    assert silver([], 0.0) is None
