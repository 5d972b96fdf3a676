"""An erasure that is killed, at whatever moment, is finished by whoever comes next."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kept_service import keeping
from said import given, upload
from test_erasing import MARK, OTHER, TEXT, ask, files_with

HERE = Path(__file__).parent
MOMENTS = [
    *("planned", "writing", "pointing", "sweeping", "backups", "files", "outcomes", "rows"),
    *("deleting", "scrubbing", "ending"),
]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    with keeping(folder) as client:
        given(client.post("/v1/collections", json={"name": "pumps"}), 201)
        upload(client, "tap.txt", OTHER, "pumps")
        id_ = upload(client, f"{MARK}.txt", TEXT, "pumps")["id"]
        ask(client, indexes=["pumps"])
    ran = subprocess.run(
        [sys.executable, str(HERE / "killed_erasure.py"), str(folder), id_, *MOMENTS],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return folder, dict(line.split(maxsplit=1) for line in ran.stdout.splitlines())


@pytest.mark.parametrize("moment", MOMENTS)
def test_whoever_comes_next_finishes_it(killed, moment):
    folder, ended = killed
    assert ended[moment] == f"{-signal.SIGKILL} done"
    assert files_with(folder / moment) == []
    assert files_with(folder / moment, "Sorrel")
