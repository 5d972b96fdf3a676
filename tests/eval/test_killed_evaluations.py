from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("killed_evaluations.py")
BATCH, ALL = 2, 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_an_evaluation_that_is_killed_keeps_every_whole_batch_and_goes_on_from_there(tmp_path):
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        # A process that is forked while others of its threads compute would wait for them for ever.
        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    deaths = [json.loads(line) for line in done.stdout.splitlines()]
    # Five batches each; disputes are read twice, so that they may die between the two.
    assert len(deaths) == 3 * 5 + 2 * 5
    for death in deaths:
        assert death["status"] == -signal.SIGKILL, death
        assert death["kept"] == BATCH * death["batches"], death
        assert death["read"] == ALL - death["kept"], death
        assert death["same"], death
