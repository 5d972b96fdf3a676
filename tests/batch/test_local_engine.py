"""The local engine: windows, failures, a memory that is full."""

from __future__ import annotations

import pytest
from batch_stand_ins import Echo

from rag_router.batch import LocalEngine, Sizes
from rag_router.batch.inputs import items_of
from rag_router.errors import (
    CancelledError,
    QuestionError,
    RemoteError,
    UnavailableError,
    UsageError,
)


def run(service, questions, **more):
    waits = []
    engine = LocalEngine(service=service, sleep=waits.append, **more)
    done = [one for window in engine.run(items_of(questions)) for one in window]
    return engine, waits, {one.item.id: one for one in done}


def test_a_window_is_asked_by_length_and_told_in_its_own_order():
    service = Echo()
    engine = LocalEngine(service=service, sizes=Sizes(window=3))
    windows = list(engine.run(items_of(["long one", "b", "longer one", "d"])))
    assert service.asked == [["2", "1", "3"], ["4"]]
    told = [[one.answer["answer"] for one in window] for window in windows]
    assert told == [["LONG ONE", "B", "LONGER ONE"], ["D"]]


def test_one_line_that_fails_takes_nobody_with_it_and_is_tried_again():
    service = Echo(lambda one: ValueError("broken") if one.text == "c" else None)
    _, waits, done = run(service, list("abcde"))
    assert [done[n].answer is not None for n in "12345"] == [True, True, False, True, True]
    trouble = done["3"].trouble
    assert (trouble.kind, trouble.message) == ("ValueError", "broken")
    assert done["3"].to_json() == {
        "id": "3",
        "question": "c",
        "error": {"type": "ValueError", "message": "broken"},
    }
    # Five, then halves of three and two; of the three, two and one, which is tried once more.
    assert service.asked == [
        ["1", "2", "3", "4", "5"],
        ["1", "2", "3"],
        ["1", "2"],
        ["3"],
        ["3"],
        ["4", "5"],
    ]
    assert waits == []


def test_what_may_go_right_later_is_waited_for():
    left = [RemoteError("away"), RemoteError("away still")]
    service = Echo(lambda one: left.pop() if left else None)
    _, waits, done = run(service, ["a"], sizes=Sizes(tries=3))
    assert done["1"].answer["answer"] == "A"
    assert waits == [0.5, 1.0]


def test_where_nobody_is_there_to_answer_the_job_ends():
    service = Echo(lambda one: UnavailableError("gone"))
    engine = LocalEngine(service=service, sizes=Sizes(window=8))
    told = []
    with pytest.raises(UnavailableError, match="gone"):
        told.extend(engine.run(items_of("x" * 100)))
    assert [len(window) for window in told] == [8, 8]  # the twentieth in a row is in the third


@pytest.mark.parametrize("error", [UsageError("no such knob"), CancelledError("over")])
def test_what_is_wrong_with_all_lines_is_no_line_s_error(error):
    with pytest.raises(type(error)):
        run(Echo(lambda one: error), ["a", "b"])


def test_a_question_that_is_none_is_told_in_its_line():
    service = Echo(lambda one: QuestionError("question 2 is empty.") if one.id == "2" else None)
    _, _, done = run(service, ["a", "b"])
    assert done["2"].trouble.message == "question 2 is empty."


class Cramped(Echo):
    """Has room for two questions at once."""

    def answer(self, questions, ask=None):
        if len(questions) > 2:
            self.asked.append([one.id for one in questions])
            raise MemoryError
        return super().answer(questions, ask)


def test_after_the_memory_was_full_windows_are_smaller():
    service = Cramped()
    engine, _, done = run(service, "abcdefgh", sizes=Sizes(window=6))
    assert all(one.answer for one in done.values())
    # Six do not fit, nor do three; from then on one at a time.
    assert [len(some) for some in service.asked] == [6, 3, 2, 1, 3, 2, 1, 1, 1]
    assert engine.sizes.window == 1
    assert engine.notes[-1] == "the memory was full: on with 1 question(s) at once"


def test_a_window_that_is_being_answered_is_finished_when_stopped():
    service = Echo()
    engine = LocalEngine(
        service=service, sizes=Sizes(window=2), stopped=lambda: bool(service.asked)
    )
    assert [len(window) for window in engine.run(items_of("abcdef"))] == [2]


@pytest.mark.parametrize("name", ["window", "tokens", "tries"])
def test_sizes_that_cannot_be_are_refused(name):
    with pytest.raises(UsageError, match=name):
        Sizes(**{name: 0})
