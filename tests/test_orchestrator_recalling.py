"""Questions that were answered before: the stored answer is given, and no model decodes."""

from __future__ import annotations

import math

import pytest
from little_router import ALWAYS, INDEX, UNKNOWN, answer, notes

from rag_router.gates.confidence import ConfidenceGate
from rag_router.indices import Library, Pair
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Ask
from rag_router.policy import Policy
from rag_router.retrievers import RETRIEVERS
from rag_router.types import Verdict

EMBEDDER = HashingEmbedder()
# At a cosine of 1 the log-odds are 4 - 2 = 2.
CURVE, P_SAME = (4.0, -2.0), 1 / (1 + math.exp(-2.0))


@pytest.fixture
def memory(tmp_path):
    def made(*pairs, name="faq"):
        library = Library(tmp_path)
        library.remember(name, [Pair(question=q, answers=(a,)) for q, a in pairs], EMBEDDER)
        return {name: library.open(name, EMBEDDER)}

    return made


def asked(indices, text=UNKNOWN, ask=None, *, recalls=None, **more):
    known = RETRIEVERS.build("qa_memory", **(recalls or {"curve": CURVE}))
    fused = RETRIEVERS.build("fused", members=("sparse", known))
    return answer(text, ask, indices=indices, retriever=fused, filters=(), **more)


def test_what_was_asked_before_is_given_its_answer_without_decoding(memory):
    said = asked(memory((UNKNOWN, "the Tiber, of course")) | {"wiki": INDEX})
    assert (said.text, said.reason, said.abstained) == ("the Tiber, of course", "contextual", False)
    assert said.confidence == pytest.approx(P_SAME, abs=1e-5)
    assert said.evidence.support == said.confidence
    # One closed-book pass and the gate's closed-book answer "Nile": nothing besides.
    without = answer(UNKNOWN, indices={}, retriever=None, filters=())
    assert said.usage.lm_forward_passes == without.usage.lm_forward_passes
    assert said.usage.completion_tokens == 0
    assert said.conflict.strategy == "recalled"
    assert ("decode", f"nothing was read: faq {said.citations[0].passage_id} was asked before") in (
        notes(said)
    )


def test_the_pair_is_cited_and_nothing_else_was_read(memory):
    said = asked(memory((UNKNOWN, "the Tiber")) | {"wiki": INDEX})
    (cited,) = said.citations
    (kept,) = said.evidence.kept
    assert (cited.index, cited.passage_id) == ("faq", kept.hit.passage.id)
    assert kept.hit.passage.text[cited.start : cited.end] == "the Tiber"
    assert kept.why == "asked before: its answer is given as it is"
    others = [judged for judged in said.evidence.judged if not judged.kept]
    assert others
    assert {judged.why for judged in others} == {"not read: the question was answered before"}


def test_an_answer_of_a_memory_that_was_never_judged_says_so(memory):
    said = asked(memory((UNKNOWN, "the Tiber")), recalls={"serve": 0.9})
    assert said.text == "the Tiber"
    assert said.confidence == pytest.approx(1.0, abs=1e-5)
    assert ("decode", "confidence of answers of faq is not calibrated") in notes(said)


def test_a_question_that_is_only_similar_is_read_and_answered_anew(memory):
    similar = memory(("what is the river of Rome called", "the Tiber"))
    said = asked(similar, policy=Policy(abstain=False))
    assert (said.text, said.conflict.strategy) == ("Nile", "plain")


def test_two_answers_to_the_same_question_are_both_read(memory):
    both = memory((UNKNOWN, "the Tiber")) | memory((UNKNOWN, "the Arno"), name="other")
    said = asked(both, policy=Policy(abstain=False))
    assert said.conflict.strategy == "plain"
    assert len(said.evidence.kept) == 2


def test_the_same_answer_in_other_words_is_no_contradiction(memory):
    both = memory((UNKNOWN, "the Tiber")) | memory((UNKNOWN, "Tiber"), name="other")
    assert asked(both).conflict.strategy == "recalled"


def test_a_memory_that_is_not_fully_trusted_is_read(memory):
    said = asked(memory((UNKNOWN, "the Tiber")), trust={"faq": 0.9}, policy=Policy(abstain=False))
    assert said.conflict.strategy == "plain"


def test_a_pair_that_is_less_likely_right_than_is_asked_for_is_read(memory):
    indices = memory((UNKNOWN, "the Tiber"))
    assert asked(indices, policy=Policy(min_confidence=0.88)).conflict.strategy == "recalled"
    assert asked(indices, policy=Policy(min_confidence=0.89)).conflict.strategy != "recalled"


def test_what_the_model_knows_is_not_looked_up_in_the_memory_either(memory):
    said = asked(memory(("who wrote hamlet", "Marlowe")), "who wrote hamlet")
    assert said.text == "Shakespeare"
    assert asked(memory(("who wrote hamlet", "Marlowe")), "who wrote hamlet", ALWAYS).text == (
        "Marlowe"
    )


class Rewrites(ConfidenceGate):
    """Searches for something else than the question."""

    def assess(self, questions, signals):
        return [
            Verdict(p_know=0.1, retrieve=True, reason="rewritten", queries=(UNKNOWN,))
            for _ in questions
        ]


def test_an_answer_to_what_the_gate_searches_for_is_read_and_not_given(memory):
    said = asked(memory((UNKNOWN, "the Tiber")), "which river, and how long is it", gate=Rewrites())
    assert said.conflict.strategy != "recalled"
    assert [judged.hit.recalled.answer for judged in said.evidence.judged] == ["the Tiber"]


def test_tokens_of_an_answer_that_was_not_decoded_are_none(memory):
    said = asked(memory((UNKNOWN, "the Tiber")), ask=Ask(tokens=True))
    assert said.tokens == ()
