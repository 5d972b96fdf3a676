"""Questions that go through the stages together get the answers that they get by themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from little_router import KNOWN, LOST, TIBER, UNKNOWN, router

from rag_router.batch import Batch, Sizes
from rag_router.errors import QuestionError
from rag_router.orchestrator import Ask
from rag_router.orchestrator.pieces import Padding, Pieces
from rag_router.types import Passage, Question

QUESTIONS = [KNOWN, UNKNOWN, LOST, f"{KNOWN} and why", f"tell me {UNKNOWN}", "nothing at all"] * 3


def bare(answers):
    """All of an answer but how long it took."""
    return [replace(one, timings_ms={}) for one in answers]


@pytest.mark.parametrize("ask", [Ask(), Ask(retrieval="always"), Ask(tokens=True)])
def test_a_window_is_answered_as_each_question_is_alone(ask):
    service = router()
    pieces = Pieces(tokens=2000, rows=3)
    together = service.answer_window(QUESTIONS, pieces, ask)
    alone = [
        service.answer([Question(id=str(n), text=text)], ask)[0]
        for n, text in enumerate(QUESTIONS, start=1)
    ]
    assert bare(together) == bare(alone)


def test_a_batch_yields_the_answers_of_the_service_in_order():
    service = router()
    found = list(Batch(service, sizes=Sizes(window=5)).run(iter(QUESTIONS)))
    assert bare(found) == bare(service.answer(QUESTIONS))


def test_a_question_that_cannot_be_answered_is_raised_in_its_place():
    batch = Batch(router(), sizes=Sizes(window=2))
    answers = batch.run([KNOWN, UNKNOWN, "   "])
    assert [next(answers).id, next(answers).id] == ["1", "2"]
    with pytest.raises(QuestionError, match="empty"):
        next(answers)


def test_passages_that_are_asked_often_make_no_other_answer():
    passage = Passage(id="p", title="", text=TIBER)
    asked = [Question(id=str(n), text=UNKNOWN, contexts=(passage,)) for n in range(4)]
    given, service = Ask(retrieval="always", indexes=()), router()
    style = replace(service.expert.style, shared_passages=True)
    sharing = replace(service, expert=replace(service.expert, style=style))
    assert bare(sharing.answer(asked, given)) == bare(service.answer(asked, given))


def test_padding_is_what_fills_a_batch_up_to_its_longest_prompt():
    padding = Padding()
    assert padding.share == 0.0
    padding.add([10, 6])  # 16 tokens, 4 filled up
    padding.add([4])
    assert (padding.tokens, padding.padded, padding.share) == (20, 4, 4 / 24)


def test_questions_are_read_with_others_of_their_length_within_the_budget():
    service, pieces = router(), Pieces(tokens=100_000, rows=4)
    service.answer_window([UNKNOWN, f"{UNKNOWN} {'really ' * 3}?"] * 4, pieces)
    mixed = Pieces(tokens=100_000, rows=4, by_length=False)
    service.answer_window([UNKNOWN, f"{UNKNOWN} {'really ' * 3}?"] * 4, mixed)
    assert pieces.padding.share < mixed.padding.share


def test_pieces_are_cut_where_reading_takes_the_fewest_places_and_passes():
    cut = Pieces(tokens=1000, rows=4)._pieces
    # Apart, two of 10 and two of 100 take 220 places and two passes of 40; together, 400 and one.
    assert cut([10, 10, 100, 100]) == [range(2), range(2, 4)]
    # Apart, 10 and 20 take 30 and two passes; together, 40 and one.
    assert cut([10, 20]) == [range(2)]
    assert cut([10] * 5) == [range(4), range(4, 5)]
    assert cut([]) == []


def test_what_is_too_long_for_a_piece_is_one_by_itself():
    cut = Pieces(tokens=100, rows=4)._pieces
    assert cut([60, 60, 500]) == [range(1), range(1, 2), range(2, 3)]
    assert cut([50, 50]) == [range(2)]


def test_neighbours_stay_together_where_they_share_what_they_read():
    cut = Pieces(tokens=100, rows=3, by_length=False)._pieces
    assert cut([10, 30, 10, 10]) == [range(3), range(3, 4)]
    assert cut([10, 60, 10]) == [range(1), range(1, 2), range(2, 3)]


def test_several_pieces_are_decoded_together_within_the_budget():
    grouped = Pieces(tokens=400, rows=2)._grouped
    work = list("abcdef")
    # Four of 10 and one of 100 take 500 places at its length: more than the budget.
    assert grouped(work, [100, 10, 10, 10, 10, 100]) == [
        [["b", "c"], ["d", "e"]],
        [["a", "f"]],
    ]
    assert grouped([], []) == []
