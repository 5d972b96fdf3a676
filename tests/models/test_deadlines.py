"""Answers that run out of time, told by a callable and not by a clock."""

from __future__ import annotations

import pytest

from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.streams import OneStream, Task, decode, start, stream

MODEL = ScriptedModel({"Rome": Reply("Tiber"), "river": Reply("Arno"), "shout": Reply("oneEN!")})


def started(prompt):
    return start(MODEL.prefill([MODEL.encode(prompt)]))[0]


def task(prompt="river", **more):
    return Task(streams={"closed": started(prompt)}, strategy=OneStream("closed"), **more)


def after(steps):
    """True once it has been asked so often."""
    asked = []
    return lambda: bool(asked.append(1)) or len(asked) > steps


@pytest.mark.parametrize(("steps", "text"), [(0, ""), (1, "A"), (3, "Arn")])
def test_an_answer_whose_time_is_over_is_what_it_has_said_so_far(steps, text):
    said = decode(MODEL, [task(deadline=after(steps))])[0]
    assert (said.text, said.finish) == (text, "deadline")
    # The first token comes with the prompt; each other one took a pass.
    assert said.forward_rows == max(steps - 1, 0)


def test_an_answer_that_ends_in_time_ends_as_it_would():
    said = decode(MODEL, [task(deadline=after(5))])[0]
    assert (said.text, said.finish) == ("Arno", "end")
    assert decode(MODEL, [task(deadline=after(2), max_new_tokens=2)])[0].finish == "length"


def test_each_answer_has_its_own_time_and_the_others_go_on():
    tasks = [task(deadline=after(2)), task(), task(deadline=after(0)), task(deadline=after(9))]
    said = decode(MODEL, tasks)
    assert [one.text for one in said] == ["Ar", "Arno", "", "Arno"]
    assert [one.finish for one in said] == ["deadline", "end", "deadline", "end"]
    assert said[1] == said[3] == decode(MODEL, [task()])[0]


def test_the_time_of_all_ends_all_that_have_not_ended():
    tasks = [task(), task(max_new_tokens=1), task("Rome")]
    said = decode(MODEL, tasks, deadline=after(2))
    assert [(one.text, one.finish) for one in said] == [
        ("Ar", "deadline"),
        ("A", "length"),
        ("Ti", "deadline"),
    ]


def test_it_is_asked_before_every_step_and_not_more_often():
    asked = []
    decode(MODEL, [task(), task()], deadline=lambda: bool(asked.append(1)))
    # Four letters and the end, and once more when nobody is left.
    assert len(asked) == 5 + 1


def test_who_has_ended_is_not_asked_any_more():
    asked = []
    tasks = [task(max_new_tokens=1, deadline=lambda: bool(asked.append(1))), task()]
    decode(MODEL, tasks)
    assert len(asked) == 1


def test_what_was_held_back_is_told_when_the_time_is_over():
    told = list(stream(MODEL, [task("shout", stop=("END",), deadline=after(5))]))
    assert [(one.text, one.finish) for one in told] == [
        ("o", None),
        ("n", None),
        ("e", None),
        ("E", None),
        ("N", "deadline"),
    ]


def test_a_row_whose_time_is_over_leaves_with_all_of_its_streams():
    def both(**more):
        streams = {"closed": started("river"), "context": started("a river")}
        return Task(streams=streams, strategy=AdaptiveContrastDecoder(), trace=True, **more)

    tasks = [both(deadline=after(2)), both(), task()]
    said = decode(MODEL, tasks)
    assert [one.finish for one in said] == ["deadline", "end", "end"]
    assert said[1:] == decode(MODEL, tasks[1:])
    assert said[0].tokens == said[1].tokens[:2]
