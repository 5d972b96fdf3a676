"""The benchmark of batch jobs, small."""

from __future__ import annotations

import pytest

from benchmarks.batch import killed, memory, overhead


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_job_that_is_killed_three_times_loses_and_repeats_nothing(tmp_path):
    found = killed(tmp_path, 300, kills=3, seed=0)
    assert found.pop("jobs") >= 1
    assert found == {"questions": 300, "kills": 3, "lost": 0, "duplicated": 0, "different": 0}


def test_what_a_job_costs_is_counted_without_the_answers(tmp_path):
    assert 0 < overhead(tmp_path, 500)["overhead_ms"] < 50


def test_how_far_memory_grows_is_told_in_mebibytes(tmp_path):
    assert memory(tmp_path, 500)["grown_mb"] < 100
