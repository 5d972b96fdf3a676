"""`make bench`: every benchmark whose data is at hand, one after another.

Question sets are looked for under the folder that BENCH_DATA names; benchmarks that need one that
is not there are skipped, and said to be.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DATA = Path(os.environ.get("BENCH_DATA", "../shared/data"))
BENCHMARKS: tuple[tuple[str, str | None], ...] = (
    ("benchmarks.demo", None),
    ("benchmarks.latency", None),
    ("benchmarks.examples", None),
    ("benchmarks.resume", None),
    ("benchmarks.generators", "nq_gold/dev.jsonl.gz"),
    ("benchmarks.gates", ""),
    ("benchmarks.policies", ""),
    ("benchmarks.conflict", ""),
)


def main() -> None:
    """Run them all; the exit code is that of the first that fails."""
    for module, needed in BENCHMARKS:
        if needed is not None and not (DATA / needed).exists():
            print(f"skipped {module}: {DATA / needed} is not there", file=sys.stderr)
            continue
        arguments = [] if needed is None else ["--data", str(DATA / needed)]
        print(f"== {module}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", module, *arguments], check=True)


if __name__ == "__main__":
    main()
