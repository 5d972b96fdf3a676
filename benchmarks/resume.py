"""Is an evaluation that is killed without warning worth anything?

    python -m benchmarks.resume

`rag-router eval answers` answers the example questions over the example corpora; the process is
killed (SIGKILL) once it has kept a few batches, and started again. Counted: what was kept when it
died, what the second run had to answer, and how long the third takes, which asks no model.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import record
from examples.demo import INDEXES

ROOT = Path(__file__).parent.parent
BATCH = 4
KILLED_AFTER = 12
LIMIT_S = 900


def main() -> None:
    """Kill, count, go on, and record."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = os.environ | {
            "RAG_ROUTER_HOME": str(home),
            "RAG_ROUTER_GENERATOR__BATCH_SIZE": str(BATCH),
        }
        program = [sys.executable, "-m", "rag_router.cli.main"]
        for name, files in INDEXES.items():
            corpora = [str(ROOT / "examples" / "corpora" / file) for file in files]
            add = [*program, "index", "add", name, *corpora]
            subprocess.run(add, env=environment, check=True, stdout=subprocess.DEVNULL)
        command = [
            *(*program, "eval", "answers", "--json"),
            *("--data", str(ROOT / "examples" / "questions.jsonl")),
        ]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            end = time.monotonic() + LIMIT_S
            while _kept(home) < KILLED_AFTER and process.poll() is None and time.monotonic() < end:
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        kept = _kept(home)
        seconds = []
        counts = []
        for _ in range(2):
            begin = time.perf_counter()
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - begin)
            counts.append(_kept(home))
    record(
        "resume",
        {
            "batch": BATCH,
            "answers_kept_when_killed": kept,
            "whole_batches": kept % BATCH == 0,
            "answers_after_second_run": counts[0],
            "second_run_s": round(seconds[0], 1),
            "answers_after_third_run": counts[1],
            "third_run_s": round(seconds[1], 1),
        },
    )


def _kept(home: Path) -> int:
    path = home / "outcomes.sqlite"
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            found = connection.execute("select count(*) from records where kind = 'answer'")
            return int(found.fetchone()[0])
    except sqlite3.Error:  # it is being made
        return 0


if __name__ == "__main__":
    main()
