"""A window is begun, and looked up, before the one before it is answered."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from little_router import KNOWN, UNKNOWN, router

from rag_router.batch import LocalEngine, Sizes
from rag_router.batch.inputs import items_of
from rag_router.errors import QuestionError
from rag_router.orchestrator import Ask, Orchestrator

ASKED = [UNKNOWN, KNOWN, f"{UNKNOWN} and more", "nothing at all", f"tell me {UNKNOWN}", KNOWN, "x"]


def bare(answers):
    """All of an answer but how long it took."""
    return [replace(one, timings_ms={}) for one in answers]


def said(service, *, window=2, asked=ASKED, **more):
    engine = LocalEngine(service=service, sizes=Sizes(window=window), **more)
    return [one for some in engine.answers(items_of(asked)) for _, one in some]


@dataclass(frozen=True)
class Heard:
    """A retriever that writes down which thread looks up how many questions, and may fail."""

    inner: Any
    log: list[tuple[str, int]] = field(default_factory=list)
    broken: Any = None

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def retrieve(self, queries, places):
        self.log.append((threading.current_thread().name, len(queries)))
        if self.broken is not None:
            self.broken(queries)
        return self.inner.retrieve(queries, places)


def listening(**more):
    service = router()
    heard = Heard(service.retriever, **more)
    return replace(service, retriever=heard), heard


def test_answers_are_the_same_whether_anything_is_looked_up_ahead():
    assert bare(said(router())) == bare(said(router(), ahead=False))
    assert bare(said(router())) == bare(router().answer(ASKED))


def test_windows_are_looked_up_in_a_thread_of_their_own_once_each():
    service, heard = listening()
    said(service, ask=Ask(retrieval="always"), window=3)
    assert [(name.startswith("looking-up"), count) for name, count in heard.log] == [
        (True, 3),
        (True, 3),
        (True, 1),
    ]
    heard.log.clear()
    said(service, ask=Ask(retrieval="always"), window=3, ahead=False)
    assert [count for _, count in heard.log] == [3, 3, 1]
    assert not any(name.startswith("looking-up") for name, _ in heard.log)


@dataclass(frozen=True, kw_only=True)
class Order(Orchestrator):
    """Writes down what is begun and ended, and lets the memory run full where it is told to."""

    log: list[str] = field(default_factory=list)
    full: list[str] = field(default_factory=list)

    def begin_window(self, questions, pieces, ask=None):
        self.log.append(f"begin {questions[0].id}")
        return super().begin_window(questions, pieces, ask)

    def end_window(self, window):
        first = window.course.asked[0].question.id
        self.log.append(f"end {first}")
        if first in self.full:
            self.full.remove(first)
            raise MemoryError
        return super().end_window(window)


def ordered(**more):
    service = router()
    parts = {
        name: getattr(service, name)
        for name in service.__dataclass_fields__
        if not name.startswith("_")
    }
    return Order(**parts, **more)


def test_one_window_is_ahead_and_no_more():
    service = ordered()
    said(service, asked=["a", "b", "c", "d"], window=1)
    assert service.log == [
        *("begin 1", "begin 2", "end 1", "begin 3", "end 2", "begin 4", "end 3", "end 4"),
    ]


def test_after_the_memory_was_full_one_window_is_held_at_a_time():
    service = ordered(full=["1"])
    engine = LocalEngine(service=service, sizes=Sizes(window=1))
    answers = [one for some in engine.answers(items_of(["a", "b", "c"])) for _, one in some]
    assert bare(answers) == bare(router().answer(["a", "b", "c"]))
    # What was ahead makes room, and is begun again when its turn comes.
    assert service.log == [
        *("begin 1", "begin 2", "end 1", "begin 1", "end 1"),
        *("begin 2", "end 2", "begin 3", "end 3"),
    ]
    assert engine.notes == ["the memory was full: nothing is looked up ahead any more"]


def test_what_is_wrong_with_a_window_ahead_is_told_behind_the_answers_before_it():
    engine = LocalEngine(service=router(), sizes=Sizes(window=2))
    windows = engine.answers(items_of([KNOWN, UNKNOWN, "   ", KNOWN]))
    assert all(not isinstance(one, BaseException) for _, one in next(windows))
    (_, broken), (_, fine) = next(windows)
    assert isinstance(broken, QuestionError)
    assert fine.text == said(router(), asked=[KNOWN])[0].text


def test_what_fails_while_it_is_looked_up_ahead_is_tried_again_at_its_turn():
    left = [MemoryError()]

    def broken(queries):
        if left:
            raise left.pop()

    service, heard = listening(broken=broken)
    engine = LocalEngine(service=service, sizes=Sizes(window=3), ask=Ask(retrieval="always"))
    answers = [one for some in engine.answers(items_of(ASKED)) for _, one in some]
    wanted = said(router(), ask=Ask(retrieval="always"), window=3)
    assert [one.text for one in answers] == [one.text for one in wanted]
    assert len(heard.log) > 3


@pytest.mark.parametrize("ask", [Ask(deadline_s=60.0), Ask(retrieval="always", deadline_s=60.0)])
def test_nothing_is_begun_ahead_where_time_would_pass_meanwhile(ask):
    service = ordered()
    said(service, asked=["a", "b"], window=1, ask=ask)
    assert service.log == ["begin 1", "end 1", "begin 2", "end 2"]


def test_a_stopped_job_ends_the_window_at_hand_and_leaves_the_one_ahead():
    service = ordered()
    engine = LocalEngine(
        service=service,
        sizes=Sizes(window=1),
        stopped=lambda: any(one.startswith("end") for one in service.log),
    )
    assert len(list(engine.answers(items_of(["a", "b", "c"])))) == 1
    assert service.log == ["begin 1", "begin 2", "end 1"]
    assert not [one for one in threading.enumerate() if one.name.startswith("looking-up")]
