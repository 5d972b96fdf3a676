"""How far sources are trusted, and how far memory is relied on."""

from __future__ import annotations

import pytest
from little_router import ALWAYS, INDEX, UNKNOWN, answer, expert_of, notes, router
from stand_ins import ListIndex, passage, question

from rag_router.decoders.adaptive_context_aware import AdaptiveContextAwareDecoder
from rag_router.decoders.confidence_gain import ConfidenceGainDecoder
from rag_router.decoders.context_aware import ContextAwareDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.decoders.typicality import TypicalityDecoder
from rag_router.errors import UsageError
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.orchestrator import Ask
from rag_router.policy import Policy, Sureness

WEB = ListIndex(["The river of Rome is deep.", "Rome has a river."], name="web")
TOKENS = Ask(retrieval="always", tokens=True)
# What is said counts here, and not how sure it is.
ANYTHING = Policy(min_confidence=0.0)


def says(closed, context):
    """A model that answers each prompt in its own way."""
    return ScriptedModel(
        lambda prompt: Reply(*(context if "from its passages" in prompt else closed))
    )


# The passages take certainty from what memory says, and so contrast says something else.
DOUBTFUL = says(("Nile", 0.9), ("Nile", 0.1))


def doubted(decoder, ask=TOKENS, **more):
    parts = {"policy": ANYTHING, "filters": (), "expert": expert_of(DOUBTFUL)}
    return answer(UNKNOWN, ask, decoder=decoder, **(parts | more))


# --- trust --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "decoder",
    [
        ContextAwareDecoder(alpha=1.0),
        AdaptiveContextAwareDecoder(floor=0.5),
        TypicalityDecoder(alpha=1.0),
    ],
    ids=lambda one: type(one).__name__,
)
def test_without_trust_contrast_reads_the_passages_as_they_are(decoder):
    plain = doubted(PlainDecoder())
    trusted, not_trusted = doubted(decoder), doubted(decoder, trust={"wiki": 0.0})
    assert plain.text == not_trusted.text == "Nile"
    expected = pytest.approx([t.logprob for t in plain.tokens], abs=1e-5)
    assert [t.logprob for t in not_trusted.tokens] == expected
    assert [t.logprob for t in trusted.tokens] != expected


def test_without_trust_the_knob_goes_no_further_than_what_the_passages_say():
    decoder = ConfidenceGainDecoder(reliance=0.0)
    assert doubted(decoder).text != "Nile"
    said = doubted(decoder, trust={"wiki": 0.0})
    # A step of conflict has the share 1/2, which is the passages at temperature 2; the model is
    # sure of nothing but the end, which is no token of the answer.
    assert said.text == "Nile"
    assert {token.alpha for token in said.tokens} == {0.5}


def test_half_the_trust_is_half_the_contrast():
    said = doubted(ContextAwareDecoder(alpha=0.5), trust={"wiki": 0.5})
    assert said.tokens[0].alpha == pytest.approx(0.5 * 0.5)


def test_the_least_trusted_passage_that_is_read_counts():
    both = {"wiki": INDEX, "web": WEB}
    trust = {"web": 0.25, "wiki": 0.75}
    one = router(indices=both, filters=(), trust=trust, policy=ANYTHING)
    (said,) = one.answer([UNKNOWN], ALWAYS)
    assert {j.hit.passage.index for j in said.evidence.kept} == {"wiki", "web"}
    assert said.conflict.trust == 0.25
    (alone,) = one.answer([UNKNOWN], Ask(retrieval="always", indexes=("wiki",)))
    assert alone.conflict.trust == 0.75


def test_what_was_dropped_takes_no_trust():
    said = router(indices={"wiki": INDEX, "web": WEB}, trust={"web": 0.0}).answer([UNKNOWN])[0]
    # The filter keeps what is near enough to the question, wherever it stands.
    sources = {j.hit.passage.index for j in said.evidence.kept}
    assert said.conflict.trust == (0.0 if "web" in sources else 1.0)


def test_passages_that_came_with_the_question_are_trusted_as_given():
    asked = question(UNKNOWN, contexts=(passage("The Tiber.", "mine"),))
    for trust, expected in (({}, 1.0), ({"given": 0.5}, 0.5), ({"wiki": 0.5}, 1.0)):
        said = router(indices={}, trust=trust, filters=()).answer([asked])[0]
        assert said.conflict.trust == expected


def test_the_trust_is_shown_where_passages_were_read_and_nowhere_else():
    read = answer(UNKNOWN, trust={"wiki": 1 / 3}).to_json()
    assert read["conflict"]["trust"] == 0.3333
    assert "trust" not in answer(UNKNOWN, Ask(retrieval="never")).to_json()["conflict"]


# --- reliance -----------------------------------------------------------------------------------

# Both are torn, the passages more: there is conflict.
TORN = says(("N", 0.3), ("T", 0.2))


def relied(reliance, **more):
    parts = {"decoder": ConfidenceGainDecoder(), "expert": expert_of(TORN), "policy": ANYTHING}
    ask = Ask(retrieval="always", reliance=reliance, tokens=True)
    return answer(UNKNOWN, ask, **(parts | more))


def test_reliance_decides_between_memory_and_passages_for_one_request():
    memory, passages = relied(1.0), relied(0.4)
    assert (memory.text, memory.tokens[0].alpha) == ("N", 0.0)
    assert (passages.text, passages.tokens[0].alpha) == ("T", pytest.approx(0.6))


def test_the_service_is_left_as_it_was():
    one = router(decoder=ConfidenceGainDecoder(), expert=expert_of(TORN), policy=ANYTHING)
    before = one.answer([UNKNOWN], TOKENS)[0].tokens
    one.answer([UNKNOWN], Ask(retrieval="always", reliance=1.0))
    assert one.answer([UNKNOWN], TOKENS)[0].tokens == before


def test_a_confidence_that_was_learned_at_another_reliance_decides_nothing_and_says_so():
    # Learned so that nothing is ever sure.
    never = Sureness(curve=(0.0, 0.0, 0.0, -20.0))
    strict = {"sureness": never, "policy": Policy(min_confidence=0.1)}
    said = relied(1.0, **strict)
    assert said.text == "N"
    assert ("decode", "confidence of tiny with passages is not calibrated for reliance 1.0") in (
        notes(said)
    )
    usual = relied(None, **strict)
    assert usual.conflict.strategy == "closed_book"
    assert not any("not calibrated" in what for _, what in notes(usual))
    same = relied(0.25, decoder=ConfidenceGainDecoder(reliance=0.25))
    assert not any("not calibrated" in what for _, what in notes(same))


def test_a_decoder_without_a_knob_refuses_the_request_before_anything_is_asked():
    class Silent(ScriptedModel):
        def prefill(self, prompts, **more):
            raise AssertionError("nobody was to be asked")

    with pytest.raises(UsageError, match="'plain' has no knob for reliance") as caught:
        answer(UNKNOWN, Ask(reliance=0.5), expert=expert_of(Silent({})))
    assert "confidence_gain" in caught.value.hint


@pytest.mark.parametrize("reliance", [-0.1, 1.1])
def test_a_reliance_out_of_range_is_refused(reliance):
    with pytest.raises(UsageError, match="between 0"):
        relied(reliance)
