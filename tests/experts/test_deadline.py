from __future__ import annotations

import math

import pytest

from rag_router.experts.deadline import Deadline


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("seconds", "least"),
    [((5.0,), 5.0), ((5.0, 2.5), 2.5), ((None, 5.0), 5.0), ((None, None), math.inf)],
)
def test_the_shortest_time_counts_and_it_passes_at_its_end(seconds, least):
    clock = Clock()
    deadline = Deadline.within(*seconds, clock=clock)
    assert deadline.seconds == least
    for later, passed in ((0.0, False), (2.4, False), (2.5, least <= 2.5), (5.0, least <= 5.0)):
        clock.now = 100.0 + later
        assert deadline.passed() == passed


def test_as_text_it_says_that_it_has_passed():
    assert str(Deadline.within(2.5, clock=Clock())) == "the deadline of 2.5 s passed"
    assert str(Deadline.within(30.0, clock=Clock())) == "the deadline of 30 s passed"
