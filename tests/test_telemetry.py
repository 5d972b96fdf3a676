from __future__ import annotations

import pytest

from rag_router import telemetry


class Ear:
    """Writes down what it hears."""

    def __init__(self):
        self.counts, self.times = [], []

    def count(self, name, value, **labels):
        self.counts.append((name, value, labels))

    def time(self, name, ms, **labels):
        self.times.append((name, labels))


def test_a_stage_entered_twice_is_summed_and_one_that_fails_is_timed_too():
    watch = telemetry.Stopwatch()
    with watch.stage("gate"):
        pass
    first = watch.ms["gate"]
    with pytest.raises(ValueError, match="broken"), watch.stage("gate"):
        raise ValueError("broken")
    assert watch.ms["gate"] >= first >= 0
    assert set(watch.ms) == {"gate"}
    assert watch.total() >= watch.ms["gate"]


def test_a_listener_hears_of_counts_and_stages():
    ear = Ear()
    telemetry.listen(ear)
    telemetry.count(telemetry.ANSWERS, reason="parametric")
    with telemetry.Stopwatch().stage("decode"):
        pass
    assert ear.counts == [("rag_router.answers", 1.0, {"reason": "parametric"})]
    assert ear.times == [("rag_router.stage_ms", {"stage": "decode"})]
