from __future__ import annotations

import pytest
from stand_ins import question

from rag_router.gates import assess
from rag_router.gates.always import AlwaysGate
from rag_router.gates.never import NeverGate
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.signals import Board, Cost


@pytest.mark.parametrize(("gate", "retrieve"), [(AlwaysGate, True), (NeverGate, False)])
def test_a_baseline_says_the_same_of_every_question_and_looks_at_nothing(gate, retrieve):
    board = Board(ScriptedModel({}), PromptStyle(), [question("a"), question("b")])
    first, second = assess(gate(prior=0.3), board)
    assert first == second
    assert (first.retrieve, first.p_know, first.threshold) == (retrieve, 0.3, None)
    assert gate().needs == ()
    assert gate().fitted
    assert board.cost(0) == Cost()


@pytest.mark.parametrize("gate", [AlwaysGate, NeverGate])
def test_a_baseline_asked_nothing_says_nothing(gate):
    assert assess(gate(), Board(ScriptedModel({}), PromptStyle(), [])) == []
