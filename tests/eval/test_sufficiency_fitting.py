from __future__ import annotations

import pytest
from stand_ins import ListIndex, question

from rag_router.errors import DataError, SettingsError
from rag_router.eval.sufficiency_fitting import fit_sufficiency
from rag_router.experts import Expert
from rag_router.filters.sufficiency import SufficiencyFilter
from rag_router.filters.threshold import ThresholdFilter
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import RETRIEVERS

EMBEDDER = HashingEmbedder()
# Of each even thing its colour stands there; the odd ones are only spoken of.
TEXTS = [
    f"Thing {n} is of the colour red{n}." if n % 2 == 0 else f"Of the thing {n} they speak."
    for n in range(80)
]
QUESTIONS = [
    question(f"what colour has thing {n}", str(n), answers=(f"red{n}",)) for n in range(80)
]
CHAIN = (ThresholdFilter(min_support=0.0, curve=(4.0, -1.0)),)


def fit(one, questions=QUESTIONS, **more):
    return fit_sufficiency(
        one,
        CHAIN,
        questions,
        embedder=EMBEDDER,
        retriever=RETRIEVERS.build("dense", k=2),
        indices=[ListIndex(TEXTS, embedder=EMBEDDER)],
        **more,
    )


def test_it_learns_of_what_is_found_and_is_judged_on_questions_held_out():
    artefact = fit(SufficiencyFilter())
    card = artefact.card
    assert (card.method, card.model_fingerprint) == ("filter/sufficiency", EMBEDDER.fingerprint)
    assert (card.prompt_hash, card.notes["chain"]) == ("", ["ThresholdFilter"])
    assert card.notes["train"] + card.notes["held_out"] == 80
    assert {"auroc", "ece", "best_passage_auroc", "best_passage_ece"} <= card.metrics.keys()
    assert 0.3 < card.metrics["base_rate"] < 0.7
    assert SufficiencyFilter().with_artefact(artefact).fitted


def test_what_was_learned_of_a_generator_s_answers_is_bound_to_it():
    model = ScriptedModel(
        {f"colour red{n}.": Reply(f"red{n}", 0.9) for n in range(0, 80, 2)},
        otherwise=Reply("blue", 0.5),
    )
    expert = Expert(name="tiny", model=model, style=PromptStyle(shots=0))
    artefact = fit(SufficiencyFilter(answers=True), expert=expert)
    assert artefact.card.model_fingerprint == model.fingerprint
    assert artefact.card.prompt_hash == expert.style.contextual_fingerprint
    assert len(SufficiencyFilter(answers=True).with_artefact(artefact).curve) == 6
    with pytest.raises(SettingsError, match="asks the generator"):
        fit(SufficiencyFilter(answers=True))


def test_too_few_questions_are_an_error():
    with pytest.raises(DataError, match="too few"):
        fit(SufficiencyFilter(), QUESTIONS[:20])
