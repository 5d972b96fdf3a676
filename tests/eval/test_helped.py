"""Answers with retrieval, judged: from an index, or from the passages that questions bring."""

from __future__ import annotations

from dataclasses import replace

import pytest
from little_house import asked, scripted_expert
from stand_ins import ListIndex, passage, question

from rag_router.decoders.plain import PlainDecoder
from rag_router.eval.helped import helped
from rag_router.gates.never import NeverGate
from rag_router.models.scripted import Reply
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Orchestrator
from rag_router.outcomes import RecordCache
from rag_router.policy import Policy
from rag_router.retrievers.dense import DenseRetriever

TEXTS = ["The valve is red.", "The pump is blue."]
EMBEDDER = HashingEmbedder(dimension=512)


def reply(prompt: str) -> Reply:
    """Say the colour that the last passages name; without one, of the lamp alone it is known."""
    shown = prompt.rsplit("Answer: bees", 1)[-1].rsplit("Question:", 1)[0]
    for colour in ("red", "blue"):
        if colour in shown.rsplit("\n\n", 1)[-1]:
            return Reply(colour, 0.9)
    return Reply("green", 0.9) if "lamp" in asked(prompt) else Reply("grey", 0.05)


def service(**more: object) -> Orchestrator:
    return Orchestrator(
        expert=scripted_expert(reply),
        gate=NeverGate(),
        decoder=PlainDecoder(),
        # It would keep everything back that it is not certain of.
        policy=Policy(min_confidence=1.0),
        **more,
    )


def indexed() -> Orchestrator:
    index = ListIndex(texts=TEXTS, embedder=EMBEDDER)
    return service(
        retriever=DenseRetriever(k=1), indices={"a": index}, embedder=EMBEDDER, batch_size=2
    )


ASKED = [
    question("which colour is the valve", "1", answers=("red",)),
    question("which colour is the pump", "2", answers=("red",)),
    question("which colour is the pump", "3", answers=("blue",)),
]


def test_every_question_is_looked_up_and_answered_whatever_gate_and_policy_say():
    assert helped(indexed(), ASKED).tolist() == [True, False, True]


def test_without_an_index_the_passages_that_come_with_a_question_are_read():
    with_own = [
        replace(one, contexts=(passage(text),))
        for one, text in zip(ASKED, [TEXTS[0], TEXTS[1], "Nothing."], strict=True)
    ]
    assert helped(service(), with_own).tolist() == [True, False, False]


def test_where_nothing_is_found_memory_answers():
    lamp = question("which colour is the lamp", "4", answers=("green",))
    assert helped(service(), [lamp]).tolist() == [True]


def test_no_questions_are_no_answers():
    assert helped(service(), []).shape == (0,)


def test_a_question_that_the_service_would_refuse_for_its_length_is_answered():
    short = replace(indexed(), question_characters=5)
    assert helped(short, ASKED[:1]).tolist() == [True]


def test_answers_are_kept_for_all_gates_alike_and_progress_is_heard(tmp_path):
    cache = RecordCache(tmp_path / "kept.sqlite")
    heard = []
    first = helped(indexed(), ASKED, cache=cache, on_progress=lambda *n: heard.append(n))
    assert heard == [(2, 2)]  # of three questions two are the same
    silent = scripted_expert(lambda prompt: pytest.fail("asked again"))
    again = replace(indexed(), expert=silent, gate_name="other")
    assert helped(again, ASKED, cache=cache).tolist() == first.tolist()
    cache.close()
