"""How a gate is asked: dearer signals only for the rows that need them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from stand_ins import question

from rag_router.errors import SettingsError
from rag_router.gates import NeedMore, assess
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.signals import Board, Cost, Reading
from rag_router.types import Verdict


@dataclass(frozen=True)
class Fact:
    """The number in a question, at a price."""

    name: str
    price: int
    asked: list[int] = field(default_factory=list, compare=False)

    def compute(self, board, rows):
        self.asked.extend(rows)
        cost = Cost(decode_steps=self.price)
        return [Reading(float(board.questions[row].text), cost) for row in rows]


@dataclass(frozen=True)
class Cascade:
    """Decides at once about numbers from 5 on, asks for more below, and still more below 2."""

    cheap: Fact
    dear: Fact
    dearest: Fact

    @property
    def needs(self):
        return (self.cheap,)

    @property
    def fitted(self):
        return True

    def assess(self, questions, signals):
        cheap = signals.read(self.cheap)
        if min(cheap) >= 5:
            return [self._verdict("cheap") for _ in questions]
        try:
            signals.read(self.dear)
        except LookupError:
            return [self._verdict("cheap") if n >= 5 else NeedMore((self.dear,)) for n in cheap]
        try:
            signals.read(self.dearest)
        except LookupError:
            return [self._verdict("dear") if n >= 2 else NeedMore((self.dearest,)) for n in cheap]
        return [self._verdict("dearest") for _ in questions]

    @staticmethod
    def _verdict(status):
        return Verdict(p_know=0.5, retrieve=True, reason="", status=status)


@dataclass(frozen=True)
class Ditherer:
    """Always asks for one more fact."""

    needs = ()
    fitted = True

    def assess(self, questions, signals):
        return [NeedMore((Fact("again", 1),))] * len(questions)


@dataclass(frozen=True)
class Sneak:
    """Reads what it did not declare."""

    needs = ()
    fitted = True

    def assess(self, questions, signals):
        return signals.read(Fact("secret", 1))


def board(*texts):
    return Board(ScriptedModel({}), PromptStyle(), [question(text) for text in texts])


def test_dearer_signals_are_computed_only_for_the_rows_that_asked():
    gate = Cascade(Fact("cheap", 1), Fact("dear", 10), Fact("dearest", 100))
    facts = board("7", "3", "1", "9")
    verdicts = assess(gate, facts)
    assert [v.status for v in verdicts] == ["cheap", "dear", "dearest", "cheap"]
    assert gate.cheap.asked == [0, 1, 2, 3]
    assert gate.dear.asked == [1, 2]
    assert gate.dearest.asked == [2]
    assert [facts.cost(row).decode_steps for row in range(4)] == [1, 1 + 10, 1 + 10 + 100, 1]


def test_a_verdict_is_the_same_alone_and_in_company():
    gate = Cascade(Fact("cheap", 1), Fact("dear", 10), Fact("dearest", 100))
    texts = ["1", "7", "3", "2", "0"]
    together = assess(gate, board(*texts))
    assert together == [assess(gate, board(text))[0] for text in texts]
    assert together == assess(gate, board(*texts[::-1]))[::-1]


def test_a_gate_that_never_decides_is_an_error_that_names_it():
    with pytest.raises(SettingsError, match="Ditherer asked 8 times for more"):
        assess(Ditherer(), board("1"))


def test_a_gate_that_reads_what_it_did_not_declare_is_caught():
    with pytest.raises(LookupError, match="'secret' was read but not declared"):
        assess(Sneak(), board("1"))


def test_no_questions_are_no_verdicts():
    gate = Cascade(Fact("cheap", 1), Fact("dear", 10), Fact("dearest", 100))
    assert assess(gate, board()) == []
