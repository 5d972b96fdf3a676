from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from little_house import asked, parts, scripted_expert

from rag_router.assembly import assemble
from rag_router.errors import CancelledError, UsageError
from rag_router.models.prompts import ABSTENTION
from rag_router.models.sampling import Sampling
from rag_router.models.scripted import Reply
from rag_router.orchestrator import Ask
from rag_router.orchestrator.events import Begun, Done, Planned, Spoke, heard_as
from rag_router.policy import Policy, Sureness
from rag_router.settings import Settings
from rag_router.types import Question

VALVE = "How often is the Larkspur valve calibrated?"
FRANCE = "What is the capital of France?"


@pytest.fixture(scope="module")
def orchestrator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    return assemble(Settings(home=folder / "home"), parts(folder))


def heard(orchestrator, questions, **ask):
    events = []
    answers = orchestrator.answer(questions, Ask(heard=events.append, **ask))
    return events, answers


def said(events, row=0):
    return [e for e in events if isinstance(e, Spoke) and e.row == row]


def with_script(orchestrator, script):
    return replace(orchestrator, expert=scripted_expert(script))


def test_a_question_goes_through_all_stages_in_their_order(orchestrator):
    events, _ = heard(orchestrator, [VALVE])
    stages = list(dict.fromkeys(event.stage for event in events))
    assert stages == [
        "accept", "begin", "gate", "route", "retrieve", "filter", "policy", "decode", "done",
    ]  # fmt: skip
    assert all(event.to_json()["stage"] == event.stage for event in events)


def test_passages_are_told_when_they_are_found_and_judged_when_they_are_filtered(orchestrator):
    events, (answer,) = heard(orchestrator, [VALVE])
    told = {event.stage: event.to_json() for event in events}
    assert told["retrieve"]["looked"] is True
    assert [p["text"] for p in told["retrieve"]["passages"]] == [
        j.hit.passage.text for j in answer.evidence.judged
    ]
    assert [p["kept"] for p in told["filter"]["passages"]] == [
        j.kept for j in answer.evidence.judged
    ]
    assert (told["gate"]["p_know"], told["gate"]["advised"]) == (0.1, True)


def test_the_pieces_of_each_row_join_to_its_answer(orchestrator):
    events, answers = heard(orchestrator, [VALVE, FRANCE, VALVE])
    for row, answer in enumerate(answers):
        pieces = said(events, row)
        assert "".join(piece.text for piece in pieces) == answer.text
        assert {(piece.attempt, piece.certain) for piece in pieces} == {(1, True)}
    assert [e.answer for e in events if isinstance(e, Done)] == answers


def test_rows_are_counted_over_all_batches(orchestrator):
    events, _ = heard(replace(orchestrator, batch_size=2), [FRANCE, VALVE, FRANCE])
    assert [e.row for e in events if isinstance(e, Begun)] == [0, 1, 2]
    assert [e.row for e in events if isinstance(e, Done)] == [0, 1, 2]
    assert "".join(piece.text for piece in said(events, 2)) == "Paris"


def test_answers_are_the_same_whether_anybody_listens_or_not(orchestrator):
    _, listened = heard(orchestrator, [VALVE, FRANCE])
    alone = orchestrator.answer([VALVE, FRANCE])
    assert [replace(a, timings_ms={}) for a in listened] == [
        replace(a, timings_ms={}) for a in alone
    ]


def test_words_that_may_be_overruled_say_so(orchestrator):
    # A fitted curve whose confidence is always 1/2: what falls below 0.9 is not given.
    strict = replace(
        orchestrator,
        sureness=Sureness(curve=(0.0, 0.0, 0.0, 0.0)),
        policy=Policy(min_confidence=0.9),
    )
    events, (answer,) = heard(strict, [VALVE])
    assert answer.abstained
    assert "".join(piece.text for piece in said(events)) == "90 days"
    assert not any(piece.certain for piece in said(events))


def test_an_answer_that_there_is_none_is_never_told_as_one(orchestrator):
    refusing = with_script(orchestrator, lambda _: Reply(ABSTENTION, 0.9))
    events, (answer,) = heard(refusing, [VALVE])
    assert answer.abstained
    assert said(events) == []


def test_what_only_begins_like_a_refusal_is_told_once_it_is_none(orchestrator):
    text = "I don't know whether 90 days"
    cautious = with_script(orchestrator, lambda _: Reply(text, 0.9))
    events, (answer,) = heard(cautious, [VALVE], max_new_tokens=40)
    assert answer.text == text
    pieces = [piece.text for piece in said(events)]
    assert (pieces[0], "".join(pieces)) == ("I don't know w", text)


def test_an_answer_that_memory_had_ready_is_told_at_once(orchestrator):
    # The gate that asks for it decodes the answer before anybody decides to give it.
    gated = assemble(Settings(gate={"name": "confidence"}), parts_of(orchestrator))
    events, (answer,) = heard(gated, [FRANCE])
    assert [piece.text for piece in said(events)] == [answer.text]


def parts_of(orchestrator):
    from rag_router.assembly import Parts

    return Parts(
        expert=orchestrator.expert, embedder=orchestrator.embedder, indexes=orchestrator.indices
    )


def test_characters_of_several_bytes_are_told_whole(orchestrator):
    wide = with_script(orchestrator, {"capital of France": Reply("Pařís 🗼 ok", 0.99)})
    events, (answer,) = heard(wide, [FRANCE], retrieval="never")
    pieces = [piece.text for piece in said(events)]
    assert "".join(pieces) == answer.text == "Pařís 🗼 ok"
    assert not any("\ufffd" in piece for piece in pieces)


def test_stop_strings_of_a_request_are_held_back_and_left_out(orchestrator):
    events, (answer,) = heard(orchestrator, [VALVE], stop=(" da",))
    assert answer.text == "90"
    assert "".join(piece.text for piece in said(events)) == "90"
    assert [e.finish for e in events if isinstance(e, Done)] == ["stop"]


def test_an_answer_is_no_longer_than_a_request_wants(orchestrator):
    # The scripted model's tokens are bytes.
    events, answers = heard(orchestrator, [VALVE, FRANCE], max_new_tokens=2)
    assert [a.text for a in answers] == ["90", "Pa"]
    assert [e.finish for e in events if isinstance(e, Done)] == ["length", "length"]


def test_an_answer_of_no_tokens_makes_no_sense(orchestrator):
    with pytest.raises(UsageError, match="says nothing"):
        orchestrator.answer([VALVE], Ask(max_new_tokens=0))


def test_what_memory_had_ready_is_decoded_anew_where_a_request_wants_less_of_it(orchestrator):
    gated = assemble(Settings(gate={"name": "confidence"}), parts_of(orchestrator))
    _, (answer,) = heard(gated, [FRANCE], max_new_tokens=3)
    assert answer.text == "Par"
    _, (answer,) = heard(gated, [FRANCE], stop=("r",))
    assert answer.text == "Pa"


def test_instructions_stand_before_memory_and_passages_but_not_before_the_gate(orchestrator):
    prompts = []

    def script(prompt):
        prompts.append(prompt)
        told = "Answer in capitals" in prompt
        if "90 days" in prompt.rsplit("Question: ", 1)[0].rsplit("\n\n", 1)[-1]:
            return Reply("90 DAYS" if told else "90 days", 0.95)
        return (
            Reply("PARIS" if told else "Paris", 0.99)
            if "France" in asked(prompt)
            else Reply("x", 0.1)
        )

    told = with_script(orchestrator, script)
    answers = told.answer([VALVE, FRANCE], Ask(instructions="Answer in capitals.\n<|im_end|>"))
    assert [a.text for a in answers] == ["90 DAYS", "PARIS"]
    # The gate's figures are those that it was fitted for.
    plain = told.answer([VALVE, FRANCE])
    assert [a.knowledge.p_know for a in answers] == [a.knowledge.p_know for a in plain]
    assert not any("<|im_end|>" in prompt for prompt in prompts)
    # One more prompt was read for each: with passages, and alone once more.
    assert answers[1].usage.lm_forward_passes == plain[1].usage.lm_forward_passes + 1


def test_draws_follow_their_seed(orchestrator):
    # At such a temperature any byte may come.
    def drawn(seed):
        ask = Ask(sampling=Sampling(temperature=50.0, seed=seed), retrieval="always")
        return orchestrator.answer([VALVE], ask)[0].text

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_decoding_stops_between_two_tokens_once_it_is_cancelled(orchestrator):
    events = []

    def cancelled():
        return len(said(events)) >= 3

    with pytest.raises(CancelledError):
        orchestrator.answer([VALVE], Ask(heard=events.append, cancelled=cancelled))
    assert "".join(piece.text for piece in said(events)) == "90 d"
    assert not any(isinstance(event, Done) for event in events)
    # Whoever comes next is not held up.
    assert orchestrator.answer([FRANCE])[0].text == "Paris"


def test_who_is_cancelled_while_waiting_for_a_turn_leaves_the_queue(orchestrator):
    waiting, gone = threading.Event(), threading.Event()
    outcome = []

    def ask():
        try:
            orchestrator.answer([FRANCE], Ask(heard=lambda _: waiting.set(), cancelled=gone.is_set))
        except CancelledError:
            outcome.append("cancelled")

    def hold(event):
        if isinstance(event, Planned):
            thread.start()
            waiting.wait()
            gone.set()
            thread.join()

    thread = threading.Thread(target=ask)
    (answer,) = orchestrator.answer([FRANCE], Ask(heard=hold))
    assert (answer.text, outcome) == ("Paris", ["cancelled"])


def test_what_is_to_be_searched_for_can_be_said_with_the_question(orchestrator):
    question = Question(id="1", text="How often?", queries=("Larkspur valve calibrated", "Oslo"))
    (answer,) = orchestrator.answer([question], Ask(retrieval="always"))
    # Two queries, in two indexes, by two members of the fused retriever each.
    assert answer.usage.retriever_calls == 8
    assert {j.hit.passage.id for j in answer.evidence.judged} == {"valve#0", "oslo#0"}


def test_who_hands_questions_on_hears_of_them_by_their_own_places():
    events = []
    tell = heard_as(events.append, [4, 2])
    tell(Begun(row=0, question="a"))
    tell(Begun(row=1, question="b"))
    assert [event.row for event in events] == [4, 2]
    assert heard_as(None, [0]) is None


def test_the_smallest_model_writes_what_is_no_answer(orchestrator):
    from rag_router.conversations.condensing import STANDALONE

    writing = with_script(orchestrator, {"Standalone question:": Reply("Who?\nmore", 0.9)})
    written = writing.write(STANDALONE, ("User: who",))
    assert written.text == "Who?"
    assert written.prompt_tokens > 0
    # The line break that ends it is no part of it.
    assert written.completion_tokens == 4
