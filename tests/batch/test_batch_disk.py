"""A disk that is full in the middle of a job."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from batch_stand_ins import written

TESTS = Path(__file__).parent.parent

# No file may grow beyond so many bytes: to who writes one, that is a disk that is full.
JOB = """
import resource, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from batch_stand_ins import Echo
from rag_router.batch import Job, LocalEngine, Output, Prepared, Sizes, read_items
from rag_router.errors import UnavailableError
most = int(sys.argv[4])
if most:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
job = Job(items=read_items([Path(sys.argv[2])]), output=Output(path=Path(sys.argv[3])))
engine = LocalEngine(service=Echo(), sizes=Sizes(window=8))
try:
    ended = job.run(lambda: Prepared(engine, {"model": "echo"}))
except UnavailableError as exc:
    print("full", exc.hint)
else:
    print("done", ended.fresh)
"""


def test_what_was_answered_before_the_disk_was_full_is_kept(tmp_path):
    rows = [{"id": f"q{n}", "question": f"number {n}"} for n in range(200)]
    path, out = written(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"

    def run(most):
        command = [sys.executable, "-c", JOB, str(TESTS), str(path), str(out), str(most)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.split(maxsplit=1)

    word, hint = run(120_000)
    assert word == "full"
    assert "run the same command again" in " ".join(hint.split())
    assert not out.exists()
    word, fresh = run(0)
    assert word == "done"
    assert 0 < int(fresh) < 200
    ids = [json.loads(line)["id"] for line in out.read_text().splitlines()]
    assert ids == [row["id"] for row in rows]
