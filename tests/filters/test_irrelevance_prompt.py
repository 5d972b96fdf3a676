from __future__ import annotations

import math

import pytest
from asking import reader
from stand_ins import judged

from rag_router.filters.irrelevance_prompt import IrrelevancePromptFilter
from rag_router.models.scripted import Reply, ScriptedModel

TEXT = "Zanzibar is an island. Oslo is cold. It lies off the coast."


def script(prompt):
    case = prompt.rsplit("\n\n", 1)[-1]
    if "\nText:" in case:
        return Reply("The cold is irrelevant.", 0.9)
    assert "Analysis: The" in case
    return Reply("No" if "Oslo" in case.rsplit("Sentence:", 1)[-1] else "Yes", 0.8)


MODEL = ScriptedModel(script)


def run(filter_, *texts):
    return filter_.judge(["where"], [judged(*texts)], reader(MODEL, ["where"]))[0]


def test_each_sentence_is_asked_about_behind_the_analysis_of_its_passage():
    prompts = []
    model = ScriptedModel(lambda prompt: prompts.append(prompt) or script(prompt))
    context = reader(model, ["where"])
    IrrelevancePromptFilter().judge(["where"], [judged("Oslo is cold.")], context)
    assert prompts[-1].endswith(
        "Question: where\nAnalysis: The cold is irrelevant.\nSentence: Oslo is cold.\n"
        "Is the sentence needed? Reply Yes or No:"
    )


def test_sentences_that_the_model_does_not_need_go():
    one = run(IrrelevancePromptFilter(), TEXT)[0]
    assert one.hit.passage.text == "Zanzibar is an island. It lies off the coast."
    assert one.spans == ((0, 22), (37, 59))
    assert one.why.endswith("; 2 of 3 sentences reach 0.00")


def test_a_passage_of_which_nothing_is_needed_is_dropped():
    one = run(IrrelevancePromptFilter(), "Oslo is cold.")[0]
    assert (one.kept, one.hit.passage.text) == (False, "Oslo is cold.")


def test_the_figure_is_the_log_odds_of_yes():
    filter_ = IrrelevancePromptFilter()
    figures = filter_.figures(["where"], [judged(TEXT)], reader(MODEL, ["where"]))[0][0]
    # Yes has 0.8; "Y" and "y" begin it, "N" and "n" a no. The other three share in what is left.
    other = 0.2 / 257
    sure = math.log((0.8 + other) / (2 * other))
    assert figures == pytest.approx([sure, -sure, sure], abs=1e-3)
    raw = filter_.raw(["where"], [judged(TEXT)], reader(MODEL, ["where"]))
    assert raw == [[max(figures)]]


def test_a_threshold_of_nothing_keeps_all():
    assert run(IrrelevancePromptFilter(threshold=0.0), TEXT)[0].spans == ()


def test_each_passage_costs_an_analysis_and_a_prompt_for_each_sentence():
    context = reader(MODEL, ["where"])
    IrrelevancePromptFilter(max_new_tokens=4).judge(["where"], [judged(TEXT, "It is.")], context)
    spent = context.board.cost(0)
    # Two analyses and 3 + 1 sentences.
    assert spent.forward_rows - spent.decode_steps == 2 + 4


def test_a_curve_is_bound_to_both_prompts():
    assert len(IrrelevancePromptFilter().options["inquiry"]) == 64
