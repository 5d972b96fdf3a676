from __future__ import annotations

import json
import logging

import pytest

from rag_router import telemetry


class Ear:
    """Writes down what it hears."""

    def __init__(self):
        self.counts, self.times = [], []

    def count(self, name, value, **labels):
        self.counts.append((name, value, labels))

    def measure(self, name, value, **labels):
        del name, value, labels

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


def test_a_request_is_logged_as_one_line_of_json(caplog):
    with caplog.at_level(logging.INFO, logger="rag_router.access"):
        telemetry.log_access(method="GET", path="/x", status=200)
    (line,) = [json.loads(record.getMessage()) for record in caplog.records]
    assert line.pop("at").endswith("+00:00")
    assert line == {"method": "GET", "path": "/x", "status": 200}


def test_what_is_logged_is_shown_once_however_often_that_is_asked_for():
    before, level = list(telemetry.logger.handlers), telemetry.logger.level
    try:
        telemetry.log_to_stderr()
        telemetry.log_to_stderr()
        assert len(telemetry.logger.handlers) == max(1, len(before))
        assert telemetry.logger.level == logging.INFO
    finally:
        telemetry.logger.handlers[:] = before
        telemetry.logger.setLevel(level)


def test_messages_are_shown_without_what_should_not_be_and_lines_without_words_as_they_are():
    shown = telemetry._Cleaned(lambda text: text.replace("ann", "[name]"))

    def line(name, message):
        return shown.format(logging.LogRecord(name, logging.INFO, "", 0, message, (), None))

    assert line("rag_router", "ann failed") == "[name] failed"
    assert line("rag_router.access", '{"path": "/ann"}') == '{"path": "/ann"}'
