from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from stand_ins import question

from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board, ClosedBookAnswer, ClosedBookPass, Cost, Reading

MODEL = ScriptedModel({"Question: rome\n": Reply("old", 0.9, 2.0)}, otherwise=Reply("no", 0.5))


@dataclass(frozen=True)
class Length:
    """How long a question is; remembers which rows it was asked for."""

    price: int = 3
    asked: list[tuple[int, ...]] = field(default_factory=list, compare=False)

    @property
    def name(self):
        return "length"

    def compute(self, board, rows):
        self.asked.append(tuple(rows))
        return [
            Reading(len(board.questions[row].text), Cost(prefill_tokens=self.price)) for row in rows
        ]


def board(*texts, **more):
    return Board(MODEL, PromptStyle(), [question(text) for text in texts], **more)


def test_a_signal_is_computed_once_for_each_row():
    length = Length()
    facts = board("a", "bb", "ccc")
    assert facts.read(length, [2, 0, 2]) == [3, 1, 3]
    assert facts.read(Length(), [0, 1, 2]) == [1, 2, 3]
    assert length.asked == [(2, 0)]


def test_equal_signals_are_one_signal_and_others_are_not():
    facts = board("a")
    facts.read(Length(price=3), [0])
    assert facts.has(Length(price=3), 0)
    assert not facts.has(Length(price=4), 0)
    assert ClosedBookAnswer(8) == ClosedBookAnswer(8) != ClosedBookAnswer(9)


def test_a_batch_is_computed_in_pieces_of_the_batch_size():
    length = Length()
    board("a", "b", "c", "d", "e", batch_size=2).read(length, range(5))
    assert length.asked == [(0, 1), (2, 3), (4,)]


def test_costs_add_up_for_each_row_by_itself():
    facts = board("a", "b")
    facts.read(Length(price=3), [0, 1])
    facts.read(Length(price=4), [1])
    assert facts.cost(0) == Cost(prefill_tokens=3)
    assert facts.cost(1) == Cost(prefill_tokens=3 + 4)
    assert Cost(1, 2, 3) + Cost(10, 20, 30) == Cost(11, 22, 33)


def test_what_others_spent_is_added_to_the_row_it_was_spent_on():
    facts = board("a", "b")
    facts.charge(1, Cost(prefill_tokens=5))
    facts.charge(1, Cost(forward_rows=2))
    assert facts.cost(0) == Cost()
    assert facts.cost(1) == Cost(prefill_tokens=5, forward_rows=2)


def test_reading_what_was_not_declared_is_an_error_that_names_both():
    seen = board("a").signals([0], [ClosedBookPass()])
    with pytest.raises(LookupError, match="'length' was read but not declared; declared: closed_b"):
        seen.read(Length())


def test_declaring_nothing_shows_nothing():
    with pytest.raises(LookupError, match="declared: none"):
        board("a").signals([0], []).read(Length())


def test_a_view_shows_its_rows_in_its_order():
    assert board("a", "bb", "ccc").signals([2, 0], [Length()]).read(Length()) == [3, 1]


def test_the_closed_book_pass_is_one_row_and_costs_nothing_extra():
    facts = board("rome", "oslo")
    rome, oslo = facts.read(ClosedBookPass(), [0, 1])
    assert facts.cost(0) == Cost(prefill_tokens=0, decode_steps=0, forward_rows=1)
    assert (rome.hidden[-1, 0].item(), oslo.hidden[-1, 0].item()) == (2.0, 0.0)
    assert rome.stream.tokens == len(rome.prompt.ids)


def test_the_closed_book_answer_costs_its_steps_and_shares_the_pass():
    facts = board("rome")
    answer = facts.read(ClosedBookAnswer(8), [0])[0]
    assert answer.text == "old"
    # One pass over the prompt, then one step after each of three bytes.
    assert facts.cost(0) == Cost(prefill_tokens=0, decode_steps=3, forward_rows=1 + 3)


def test_what_is_read_alone_is_what_is_read_in_company():
    texts = ["rome", "oslo", "a much longer question than the others"]
    together = board(*texts).read(ClosedBookAnswer(8), [0, 1, 2])
    alone = [board(text).read(ClosedBookAnswer(8), [0])[0] for text in texts]
    assert [a.text for a in together] == [a.text for a in alone] == ["old", "no", "no"]
    assert [a.tokens for a in together] == [a.tokens for a in alone]
