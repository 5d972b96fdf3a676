"""Answers that say that there is none, and the stream that is told to."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from little_router import ALWAYS, UNKNOWN, answer, asked, expert_of, notes, router

from rag_router.decoders import DECODERS
from rag_router.decoders.abstaining_momentum import AbstainingMomentumDecoder
from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.models.prompts import ABSTENTION, contextual_prompt
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.orchestrator import Ask
from rag_router.policy import Policy

TOLD = f"say: {ABSTENTION}"


def says(*, closed=("Nile", 0.15), context=("Volga", 0.2), abstain=(ABSTENTION, 0.9)):
    """A model that answers each prompt in its own way."""

    def script(prompt):
        if TOLD in prompt:
            return Reply(*abstain)
        return Reply(*(context if "from its passages" in prompt else closed))

    return ScriptedModel(script)


def spread(p):
    """Entropy of one byte of probability p and the other 257 tokens evenly."""
    return -p * math.log(p) - (1 - p) * math.log((1 - p) / 257)


# As unsure as the model is of its first token, so that neither stream counts: what the
# instruction says alone is said, and goes on with hardly less weight.
ABSTAINING = AbstainingMomentumDecoder(
    null_entropy_closed=spread(0.15), null_entropy_context=spread(0.2), momentum=0.99
)


def said_by(decoder, model=None, ask=ALWAYS, **more):
    return answer(UNKNOWN, ask, decoder=decoder, expert=expert_of(model or says()), **more)


def test_what_neither_memory_nor_passages_are_sure_of_is_left_to_the_instruction_to_abstain():
    said = said_by(ABSTAINING)
    assert (said.text, said.abstained, said.reason) == (None, True, "no_knowledge")
    assert said.message == "I don't know."
    # The gate held the model to know it with 0.15, and nothing that was read says otherwise.
    assert said.confidence == pytest.approx(1 - 0.15)
    assert said.citations == ()
    assert notes(said) == []


@pytest.mark.parametrize("words", [ABSTENTION, "I do not know.", "unknown", "I have no idea"])
def test_who_is_told_to_abstain_may_do_so_in_words_of_its_own(words):
    assert said_by(ABSTAINING, says(abstain=(words, 0.9))).abstained


@pytest.mark.parametrize(
    ("words", "abstained"),
    [
        (ABSTENTION, True),
        ("i don't know.", True),
        ("I Don't Know How to Love Him", False),
        ("unknown", False),
    ],
)
def test_who_was_not_told_abstains_only_in_the_words_that_others_are_told(words, abstained):
    said = said_by(
        PlainDecoder(),
        says(context=(words, 0.9)),
        policy=Policy(min_confidence=0.0),
        max_new_tokens=40,
    )
    assert (said.text, said.abstained) == (None if abstained else words, abstained)


def test_from_memory_too_these_words_are_no_answer():
    said = said_by(PlainDecoder(), says(closed=(ABSTENTION, 0.95)), Ask(retrieval="never"))
    assert (said.text, said.reason) == (None, "no_knowledge")


def test_sure_passages_are_read_whatever_the_instruction_says():
    # Memory counts for nothing, and the passages are as sure as can be: w_c = r_c = 1 - H / Hn.
    decoder = replace(ABSTAINING, null_entropy_context=20.0)
    said = said_by(decoder, says(context=("Tiber", 0.999)), replace(ALWAYS, tokens=True))
    assert (said.text, said.reason) == ("Tiber", "contrast")
    assert said.tokens[0].alpha == pytest.approx(1 - spread(0.999) / 20, abs=1e-4)


def test_the_third_stream_costs_a_prefill_and_a_row_at_every_step():
    model = says()
    two, three = (
        said_by(decoder, model).usage for decoder in (AdaptiveContrastDecoder(), ABSTAINING)
    )
    expert, kept = expert_of(model), said_by(ABSTAINING, model).evidence.kept
    told = contextual_prompt(
        model, expert.style, UNKNOWN, [j.hit.passage for j in kept], abstain=True
    )
    assert three.prompt_tokens - two.prompt_tokens == len(told.ids)
    # Closed-book pass and answer, two prompts with passages, and three rows after each byte.
    assert three.lm_forward_passes == 1 + len("Nile") + 2 + 3 * len(ABSTENTION)


@pytest.mark.parametrize("name", list(DECODERS))
def test_a_stream_is_started_where_the_decoder_reads_it_and_nowhere_else(name):
    prompts = []

    def script(prompt):
        prompts.append(prompt)
        return Reply("x", 0.5)

    decoder = DECODERS.build(name)
    said_by(decoder, ScriptedModel(script))
    assert any(TOLD in prompt for prompt in prompts) == ("abstain" in decoder.streams)


def test_streams_that_agree_are_read_without_the_third():
    said = said_by(ABSTAINING, says(closed=("Tiber", 0.2), context=("Tiber", 0.2)), policy=LENIENT)
    assert (said.text, said.reason) == ("Tiber", "contextual")
    assert said.usage.lm_forward_passes == 1 + len("Tiber") + 2 + len("Tiber")


LENIENT = Policy(agreement_nats=0.01, min_confidence=0.0)


def test_answers_are_the_same_alone_and_in_company():
    one = router(decoder=ABSTAINING, expert=expert_of(says()))
    texts = [UNKNOWN, "what is the river of Rome called", UNKNOWN]
    together = [said.to_json() | {"timings_ms": {}, "id": ""} for said in one.answer(texts, ALWAYS)]
    alone = [
        one.answer([text], ALWAYS)[0].to_json() | {"timings_ms": {}, "id": ""} for text in texts
    ]
    assert together == alone


def test_the_question_is_the_same_in_every_prompt():
    seen = set()

    def script(prompt):
        seen.add(asked(prompt))
        return Reply("x", 0.5)

    said_by(ABSTAINING, ScriptedModel(script))
    assert {one.partition("\n")[0] for one in seen} == {UNKNOWN}
