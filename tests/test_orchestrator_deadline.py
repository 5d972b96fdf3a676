"""Requests that have to be answered in time, and what decoding did otherwise than asked."""

from __future__ import annotations

import pytest
from little_router import (
    ALWAYS,
    INDEX,
    KNOWN,
    TIBER,
    UNKNOWN,
    answer,
    asked,
    expert_of,
    notes,
    router,
    script,
)

from rag_router import telemetry
from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.errors import CancelledError, UsageError
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.orchestrator import Ask
from rag_router.policy import Policy

MORE_TIME = "There was not enough time. Ask again, with more of it."


class SlowModel(ScriptedModel):
    """Takes a second for every step; reading prompts takes no time."""

    def __init__(self, script=script):
        super().__init__(script)
        self.now = 0.0

    def step(self, cache, tokens):
        self.now += 1.0
        return super().step(cache, tokens)


def within(seconds, questions=(UNKNOWN,), *, script=script, service=None, **more):
    """The answers of a service whose clock only decoding moves."""
    model = SlowModel(script)
    one = router(expert=expert_of(model), clock=lambda: model.now, answer_seconds=service, **more)
    ask = Ask(retrieval=more.pop("retrieval", "auto"), deadline_s=seconds)
    return one.answer(list(questions), ask)


def test_in_time_nothing_is_cut_short():
    # Four letters of "Nile" and five of "Tiber", a second each.
    said = within(9.5)[0]
    assert (said.text, said.degraded, said.hint) == ("Tiber", (), "")


def test_an_answer_that_is_cut_off_counts_with_the_confidence_that_it_has():
    def talkative(prompt):
        reply = script(prompt)
        return Reply("Tiber river", 0.95) if reply.text == "Tiber" else reply

    # "Nile" takes four seconds. The first letter of "Tiber" is there at once, the fifth at the
    # eighth second.
    said = within(8.0, script=talkative)[0]
    assert (said.text, said.reason) == ("Tiber", "contextual")
    assert said.confidence == pytest.approx(0.95, abs=1e-3)
    assert [c.passage_id for c in said.citations] == ["wiki-0"]
    what = "the deadline of 8 s passed after 5 token(s), which are all that was said"
    assert notes(said) == [("decode", what)]


def test_passages_are_not_read_after_the_deadline():
    # The gate takes the four seconds: looking up begins in time, and takes none itself.
    class SlowIndex(type(INDEX)):
        def search_terms(self, texts, k):
            model.now += 1.0
            return super().search_terms(texts, k)

    model = SlowModel()
    one = router(
        expert=expert_of(model),
        clock=lambda: model.now,
        indices={"wiki": SlowIndex(INDEX.texts, name="wiki")},
    )
    said = one.answer([UNKNOWN], Ask(deadline_s=5.0))[0]
    assert (said.text, said.conflict.divergence) == (None, None)
    assert notes(said) == [("decode", "the deadline of 5 s passed before the passages were read")]
    assert said.usage.retriever_calls == 1
    assert said.hint == MORE_TIME


def test_nothing_is_looked_up_after_the_deadline():
    said = within(4.0)[0]
    assert (said.abstained, said.knowledge.retrieve) == (True, False)
    assert notes(said) == [("retrieve", "the deadline of 4 s passed before it was looked up")]
    assert said.knowledge.reason == (
        "p_know 0.15 is below the threshold 0.50; "
        "the deadline of 4 s passed before it was looked up"
    )
    assert (said.usage.retriever_calls, said.hint) == (0, MORE_TIME)


def test_what_memory_said_in_time_is_given_where_it_is_worth_it():
    said = within(4.0, policy=Policy(min_confidence=0.1))[0]
    assert (said.text, said.reason) == ("Nile", "parametric")
    assert said.confidence == pytest.approx(0.15)


def test_the_closed_book_answer_is_cut_off_too():
    said = within(5.0, [KNOWN])[0]
    # A letter at once, and one a second.
    assert (said.text, said.reason) == ("Shakes", "parametric")
    assert said.confidence == pytest.approx(0.95)
    what = "the deadline of 5 s passed after 6 token(s), which are all that was said"
    assert notes(said) == [("decode", what)]


def test_questions_that_could_not_be_begun_are_abstained_from():
    first, late = within(5.0, [KNOWN, KNOWN], batch_size=1)
    assert first.text == "Shakes"
    assert (late.text, late.abstained, late.reason) == (None, True, "no_knowledge")
    assert (late.id, late.question, late.hint) == ("2", KNOWN, MORE_TIME)
    assert notes(late) == [("gate", "the deadline of 5 s passed before it was begun")]
    assert late.confidence == late.knowledge.p_know == 0.5
    assert late.usage.lm_forward_passes == 0
    assert late.timings_ms.keys() == first.timings_ms.keys()
    assert late.to_json().keys() == first.to_json().keys() | {"hint"}


def test_the_service_has_a_deadline_of_its_own_and_the_shorter_one_counts():
    assert within(None, [KNOWN], service=5.0)[0].text == "Shakes"
    assert within(3.0, [KNOWN], service=5.0)[0].text == "Shak"
    assert within(20.0, [KNOWN], service=5.0)[0].text == "Shakes"
    assert within(None, [KNOWN])[0].text == "Shakespeare"


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_deadline_that_has_passed_from_the_start_is_a_mistake(seconds):
    with pytest.raises(UsageError, match="above 0"):
        within(seconds)


# --- cancelling ---------------------------------------------------------------------------------


def test_cancelling_stops_the_gate_too():
    model = SlowModel()
    with pytest.raises(CancelledError):
        answer(KNOWN, Ask(cancelled=lambda: model.now >= 2), expert=expert_of(model))
    assert model.now == 2


# --- what decoding did otherwise ----------------------------------------------------------------


class SmallModel(ScriptedModel):
    """Has no memory for more rows than so many at a step."""

    def __init__(self, rows):
        super().__init__(script)
        self.rows = rows

    def step(self, cache, tokens):
        if len(tokens) > self.rows:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return super().step(cache, tokens)


class Ear:
    """Counts what it hears of one counter."""

    def __init__(self, name):
        self.name, self.heard = name, []

    def count(self, name, value, **labels):
        if name == self.name:
            self.heard.append(labels)

    def measure(self, name, value, **labels):
        del name, value, labels

    def time(self, name, ms, **labels):
        pass


def test_a_stream_that_did_not_fit_into_memory_is_said_and_counted():
    ear = Ear(telemetry.DEGRADED)
    telemetry.listen(ear)
    said = answer(
        UNKNOWN, ALWAYS, expert=expert_of(SmallModel(1)), decoder=AdaptiveContrastDecoder()
    )
    assert said.text == "Tiber"
    ((stage, what),) = notes(said)
    assert stage == "decode"
    assert what.startswith("the memory was full: ")
    assert what.endswith("without AdaptiveContrastDecoder")
    assert {"stage": "decode"} in ear.heard


def test_what_the_gate_had_no_memory_for_is_said_too():
    one = router(expert=expert_of(SmallModel(1)))
    for said in one.answer([KNOWN, f"{KNOWN} really"]):
        assert said.text == "Shakespeare"
        assert notes(said) == [("decode", "the memory was full: taken up again in a smaller batch")]


def test_the_passage_is_where_it_was_left():
    # What the scripts above rely on.
    assert asked(f"Question: {UNKNOWN}") == UNKNOWN
    assert INDEX.texts[0] == TIBER
