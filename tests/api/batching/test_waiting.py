from __future__ import annotations

import pytest

from rag_router.api.batching.waiting import Guest, Lane, WaitingRoom
from rag_router.errors import OverloadedError


class Hands:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def names(guests):
    return [guest.what for guest in guests]


def test_those_of_one_company_go_together_in_the_order_they_came_in():
    room = WaitingRoom(9, clock=(hands := Hands()))
    for what, company in (("a", 1), ("b", 2), ("c", 1), ("d", 1)):
        hands.now += 1
        room.enter([Guest(what=what, company=company)])
    assert names(room.take(2)) == ["a", "c"]
    assert names(room.take(2)) == ["b"]
    assert names(room.take(2)) == ["d"]


def test_who_has_no_company_goes_alone():
    room = WaitingRoom(9)
    room.enter([Guest(what="a"), Guest(what="b")])
    assert names(room.take(8)) == ["a"]


def test_errands_wait_for_answers_but_not_for_ever():
    room = WaitingRoom(9, clock=(hands := Hands()))
    room.enter([Guest(what="title", lane=Lane.ERRAND)])
    hands.now = 19.0
    room.enter([Guest(what="question")])
    assert names(room.take(1)) == ["question"]
    room.enter([Guest(what="next")])
    hands.now = 20.0
    assert names(room.take(1)) == ["title"]


def test_what_is_late_goes_first_and_takes_nobody_along():
    room = WaitingRoom(9)
    room.enter([Guest(what="a", company=1), Guest(what="late", company=1, late=lambda: True)])
    assert names(room.take(8)) == ["late"]
    assert names(room.take(8)) == ["a"]


def test_a_full_room_says_when_to_come_again():
    room = WaitingRoom(2)
    room.enter([Guest(what="a"), Guest(what="b")])
    # Four took 6 s together, so that two take 2 * 6 / 4 = 3 s.
    room.done(4, 6.0)
    with pytest.raises(OverloadedError, match="2 questions wait already; at most 2 may") as said:
        room.enter([Guest(what="c")])
    assert (said.value.retry_after_s, said.value.retryable) == (3.0, True)
    assert len(room) == 2


def test_more_than_there_is_room_for_are_let_into_an_empty_one():
    room = WaitingRoom(1)
    room.enter([Guest(what="a"), Guest(what="b")])
    assert len(room) == 2


def test_who_leaves_is_not_taken():
    room = WaitingRoom(9)
    room.enter([gone := Guest(what="a"), Guest(what="b")])
    assert room.leave([gone]) is True
    assert room.leave([gone]) is False
    assert names(room.take(8)) == ["b"]


def test_a_closed_room_lets_nobody_in_and_everybody_out():
    room = WaitingRoom(9)
    room.enter([Guest(what="a")])
    room.close()
    with pytest.raises(OverloadedError, match="ends"):
        room.enter([Guest(what="b")])
    assert names(room.take(8)) == ["a"]
    assert room.take(8) == []
