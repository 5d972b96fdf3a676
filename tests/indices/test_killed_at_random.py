from __future__ import annotations

import os

import pytest

from benchmarks.kills import run


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_ten_changes_killed_at_random_lose_nothing_and_mix_nothing_up(tmp_path):
    figures = run(tmp_path, kills=10, seed=1)
    assert (figures["lost"], figures["wrong"]) == (0, 0)
    assert figures["as_before"] + figures["as_after"] == figures["killed"] == 10
