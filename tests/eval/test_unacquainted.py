"""What a gate says of questions that it has not learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_lessons import EXPERT, knows

from rag_router.errors import DataError
from rag_router.eval.labels import label
from rag_router.eval.unacquainted import part_of, unacquainted_p_know
from rag_router.gates.confidence import ConfidenceGate
from rag_router.types import Question

QUESTIONS = [Question(id=f"q{n}", text=f"What is item {n}?", answers=("gold",)) for n in range(120)]


@pytest.fixture(scope="module")
def labelled():
    return label(EXPERT, QUESTIONS, batch_size=120)


def test_a_question_is_in_one_part_whatever_its_spelling():
    assert part_of("Who wrote Hamlet?") == part_of("who wrote the  hamlet")
    assert {part_of(f"question {n}") for n in range(20)} == {0, 1, 2}


def test_what_is_known_is_told_from_what_is_not_by_gates_that_saw_other_questions(labelled):
    said = np.array(unacquainted_p_know("confidence", ConfidenceGate(), EXPERT, labelled))
    knowing = np.array([knows(n) for n in range(len(QUESTIONS))])
    # The script leaves no doubt about what it knows.
    assert said[knowing].min() > said[~knowing].max()


def test_its_own_answer_to_a_question_teaches_it_nothing(labelled):
    # One question alone is put right: what is said of it stays, what is said of others does not.
    at = next(n for n in range(120) if not knows(n))
    other = [replace(one, right=True) if row == at else one for row, one in enumerate(labelled)]
    before, after = (
        np.array(unacquainted_p_know("confidence", ConfidenceGate(), EXPERT, some))
        for some in (labelled, other)
    )
    same = [part_of(one.text) == part_of(QUESTIONS[at].text) for one in QUESTIONS]
    assert before[same] == pytest.approx(after[same])
    assert not np.allclose(before[~np.array(same)], after[~np.array(same)])


def test_too_few_questions_for_a_gate_are_refused(labelled):
    with pytest.raises(DataError):
        unacquainted_p_know("confidence", ConfidenceGate(), EXPERT, labelled[:30])
