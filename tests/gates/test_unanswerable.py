from __future__ import annotations

import numpy as np
import pytest
from stand_ins import lesson, question

from rag_router.artefacts import Artefact, Card
from rag_router.errors import ArtefactError, DataError, SettingsError
from rag_router.gates import assess, signals_of
from rag_router.gates.unanswerable import UnanswerableGate, answerable
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.signals import Board, Partners, requirements
from rag_router.signals.refusals import REFERENCES
from rag_router.signals.uncertain_wording import UncertainWording

MODEL = ScriptedModel(
    {
        "mute": Reply("", 0.9),
        "future": Reply("Well. It is hard to predict that", 0.99),
        "exact": Reply("it is hard to predict.", 0.99),
        "shrug": Reply("I don't know", 0.99),
    },
    otherwise=Reply("Oslo", 0.9),
)
EMBEDDER = HashingEmbedder(dimension=256)


def board(*texts, embedder=EMBEDDER):
    questions = [question(text, str(n)) for n, text in enumerate(texts)]
    partners = Partners(embedder=embedder)
    return Board(MODEL, PromptStyle(shots=0), questions, partners=partners)


def wording(*texts):
    return board(*texts).read(UncertainWording(64), range(len(texts)))


def features(gate, *texts):
    facts = board(*texts)
    return gate.features(facts.questions, facts.signals(range(len(texts)), gate.needs))


def test_an_answer_that_refuses_is_as_uncertain_as_can_be():
    assert wording("mute", "shrug") == [1.0, 1.0]


def test_an_answer_in_the_words_of_a_reference_comes_near_to_it():
    assert "It is hard to predict." in REFERENCES
    exact, future, plain = wording("exact", "future", "capital")
    # The hashing embedder sees words: five of five with their full stop, then five of six.
    assert exact == pytest.approx(1.0)
    assert 0.7 < future <= 1.0
    assert plain < 0.5


def test_wording_is_the_same_alone_and_in_company():
    texts = ["future", "capital", "mute"]
    assert wording(*texts) == pytest.approx([wording(text)[0] for text in texts])


def test_unfitted_it_goes_by_the_wording_of_the_answer_alone():
    gate = UnanswerableGate(max_new_tokens=64)
    unsure, sure = assess(gate, board("future", "capital"))
    assert (unsure.status, sure.status) == ("unanswerable", "answerable")
    assert (unsure.retrieve, sure.retrieve) == (True, False)
    assert unsure.p_know == pytest.approx(1 - wording("future")[0])
    assert not gate.fitted


def test_it_says_whom_it_consults_and_needs_nothing_else():
    wanted = requirements(signals_of(UnanswerableGate()))
    assert (wanted.abilities, wanted.partners) == (frozenset(), frozenset({"embedder"}))
    with pytest.raises(SettingsError, match="no embedder"):
        assess(UnanswerableGate(), board("q", embedder=None))


def taught(gate):
    """The gate, having learned that questions about unicorns have no answer."""
    texts = [
        f"what did the {animal} number {n} eat"
        for n in range(30)
        for animal in ("unicorn", "horse")
    ]
    right = ["horse" in text for text in texts]
    return gate.fit(lesson(features(gate, *texts), right))


def test_it_learns_which_questions_cannot_be_answered():
    gate = taught(UnanswerableGate(components=64))
    unicorn, horse = assess(gate, board("what did the unicorn drink", "what did the horse drink"))
    assert unicorn.p_know < 0.5 < horse.p_know
    assert (unicorn.status, horse.status) == ("unanswerable", "answerable")
    assert set(horse.signals) == {"score", "uncertain_wording"}


def test_a_fitted_gate_survives_its_artefact_and_is_bound_to_its_embedder():
    gate = taught(UnanswerableGate(components=32))
    card = Card(method="gate/x", model="m", model_fingerprint="f", notes=gate.options)
    back = UnanswerableGate().with_artefact(Artefact(card=card, weights=gate.learned))
    assert back == gate
    with pytest.raises(ArtefactError, match="another proxy or embedder"):
        assess(back, board("q", embedder=HashingEmbedder(dimension=128)))


def test_marked_questions_say_whether_they_can_be_answered():
    marked = [
        question("a", meta={"answerable": True}),
        question("b", meta={"answerable": False}),
        question("c", meta={"false_premise": True}),
        question("d", meta={"false_premise": False}),
    ]
    assert answerable(marked).tolist() == [True, False, False, True]
    assert answerable([]).dtype == np.bool_


def test_a_question_without_a_mark_is_an_error_that_names_it():
    with pytest.raises(DataError, match=r"question '7' does not say .* meta.answerable"):
        answerable([question("a", "7", meta={"answerable": "yes"})])
