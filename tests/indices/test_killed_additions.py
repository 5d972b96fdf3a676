from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

KILLING = Path(__file__).with_name("killing.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_an_addition_killed_at_any_moment_leaves_all_or_nothing_and_then_succeeds(
    tmp_path, write_jsonl
):
    # 150 different passages make three batches of 64.
    rows = [{"id": str(n), "text": f"Passage number {n} of all."} for n in range(150)]
    corpus = write_jsonl(*rows)
    done = subprocess.run(
        [sys.executable, str(KILLING), str(corpus), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    killed = [r for r in reports if r["status"] == -signal.SIGKILL]
    assert len(killed) >= len(reports) - 3  # the last of each kind runs to its end
    assert len(killed) > 40
    for report in reports:
        everything = 150 + (report["before"] or 0)
        assert report["left"] in {report["before"], everything}, report
        assert report["after"] == everything, report
        assert report["rubbish"] == [], report
        assert report["generations"] <= 2, report
    # Some died between two batches: what was embedded before was not embedded again.
    assert {150 - 64, 150 - 128, 0, 150} <= {report["encoded"] for report in reports}
