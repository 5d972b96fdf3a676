"""What stages cost, watched on answers whose times are written down."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rag_router.costs import Cost
from rag_router.errors import DataError
from rag_router.eval.cost_measuring import measure_costs
from rag_router.types import Question, Usage

QUESTIONS = [Question(id=str(n), text=f"What is {n}?") for n in range(4)]


class Service:
    """Answers with the times that were written down; the first answer takes much longer."""

    def __init__(self, *, indexes: bool = True) -> None:
        self._indexes, self.asked = indexes, []

    def answer(self, questions, ask):
        [question] = questions
        self.asked.append((question.id, ask.retrieval))
        looked = ask.retrieval == "always" and self._indexes
        warm = 0 if question.id != "0" else 5000
        times = {"route": 1, "gate": 25 + warm, "retrieve": 9 * looked, "filter": 10 * looked}
        times |= {"decode": 80 + 40 * looked, "verify": 0}
        return [
            SimpleNamespace(
                timings_ms={**times, "total": sum(times.values())},
                usage=Usage(
                    prompt_tokens=150 + 700 * looked,
                    completion_tokens=4,
                    lm_forward_passes=5 + looked,
                ),
                knowledge=SimpleNamespace(
                    retrieve=looked, extra_prefill_tokens=50, extra_decode_steps=1
                ),
            )
        ]


class Clock:
    """Each look at it takes 10 ms: so does whatever is between two looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


def test_stages_are_told_apart():
    service, read = Service(), []
    measured = measure_costs(service, QUESTIONS, read=read.append, clock=Clock())
    stages = measured.stages
    assert read == [question.text for question in QUESTIONS]
    assert (measured.n, measured.read_ms, measured.token_ms) == (3, pytest.approx(10), 20)
    # The gate's stage takes 25 ms, 10 of them to read the question.
    assert stages.gate.ms == pytest.approx(15)
    assert (stages.gate.passes, stages.gate.prompt_tokens) == (1, 50)
    # Without looking anything up 1 + 25 + 80 ms, less those of the gate.
    assert stages.answer.ms == pytest.approx(106 - 15)
    assert (stages.answer.passes, stages.answer.prompt_tokens) == (4, 100)
    # Route, retrieve and filter are 20 ms; with 1 + 25 + 9 + 10 + 120 ms in all, 165 - 106 - 20
    # are left for reading passages.
    assert stages.retrieve == Cost(ms=20)
    assert stages.context.ms == pytest.approx(39)
    assert (stages.context.passes, stages.context.prompt_tokens) == (1, 700)
    assert measured.looked_up


def test_where_there_is_nothing_to_look_in_lookups_cost_nothing():
    measured = measure_costs(Service(indexes=False), QUESTIONS)
    assert not measured.looked_up
    assert measured.stages.lookup == Cost()
    # Nobody let itself be watched reading.
    assert (measured.read_ms, measured.stages.gate.ms) == (None, 0)


def test_every_question_is_answered_both_ways_alone_and_without_its_own_passages():
    service = Service()
    measure_costs(service, QUESTIONS[:2])
    assert service.asked == [("0", "never"), ("1", "never"), ("0", "always"), ("1", "always")]
    with pytest.raises(DataError, match="no questions to watch"):
        measure_costs(service, [])
