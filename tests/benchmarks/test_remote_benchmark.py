"""What the benchmark of failing endpoints counts, on two mishaps and a scripted local expert."""

from __future__ import annotations

from little_remote import QUICK, remote
from little_router import KNOWN, router

from benchmarks.remote import ALONE, MISHAPS, Told, figures_of, measure, questions


def test_every_question_is_answered_by_the_next_expert_and_says_so():
    mishaps = {name: MISHAPS[name] for name in ("500", "drops mid-stream")}
    figures = measure(lambda url: remote(url, remote=QUICK), router(), [KNOWN] * 4, 30.0, mishaps)
    for name, why in {"500": "HTTP 500", "drops mid-stream": "broke off"}.items():
        one = figures[name]
        assert (one["answered_by_next"], one["said_in_degraded"], one["in_time"]) == (1, 1, 1)
        # Two failures in a row, and from then on it is left alone.
        assert one["requests"] == 2
        assert why in one["says"]
        assert one["p50_s_left_alone"] > 0
    assert figures[ALONE]["p50_s"] > 0


def test_the_next_expert_is_loaded_anew_for_each_mishap():
    loads = []

    def fresh():
        loads.append("local")
        return router()

    mishaps = {name: MISHAPS[name] for name in ("500", "garbage")}
    figures = measure(
        lambda url: remote(url, remote=QUICK), router(), [KNOWN] * 2, 30.0, mishaps, fresh=fresh
    )
    assert loads == ["local"] * 2
    assert [figures[name]["answered_by_next"] for name in mishaps] == [1, 1]


def test_what_the_first_expert_answered_or_came_late_does_not_count():
    tried = Told(1.0, "local", "remote could not answer: HTTP 500")
    spared = Told(0.25, "local", "remote could not answer: it is left alone")
    figures = figures_of([tried, spared, Told(9.0, "remote", ""), tried], 3, deadline_s=5.0)
    assert figures == {
        "answered_by_next": 0.75,
        "said_in_degraded": 0.75,
        "in_time": 0.75,
        "first_s": 1.0,
        "slowest_s": 9.0,
        "p50_s_while_tried": 1.0,
        "p50_s_left_alone": 0.25,
        "requests": 3,
        "says": "remote could not answer: HTTP 500",
    }


def test_the_questions_are_those_of_the_examples():
    assert questions(2) == ["Who wrote the play Hamlet?", "What is the capital of Egypt?"]
