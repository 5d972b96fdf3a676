"""Does the service keep its promises while the world around it breaks?

    python -m benchmarks.faults [--only kills,full_disk,...] [--kills 50] [--idle 10000]

What is expected of each drill stands in docs/faults.md, and was written first. The services are
processes of their own with real stores, indexes and sockets; only their model is scripted. Drills
on disks mount file systems of their own, which takes root on Linux, and the one on PostgreSQL
takes a server out of a wheel: without these they are skipped, and said to be.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.drills.clients import idle_connections, slow_clients
from benchmarks.drills.disks import corrupt_page, full_disk, read_only_disk
from benchmarks.drills.kills import kills
from benchmarks.drills.partners import clock_jumps, hanging_worker, postgres_restart
from benchmarks.drills.served import Stable

Drill = Callable[[Stable, Path], dict[str, Any]]


def main() -> None:
    """Run the drills and record; exit with 1 where one did not go as was written."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="drills, with commas between")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    drills: dict[str, Drill] = {
        "kills": partial(kills, times=arguments.kills, seed=arguments.seed),
        "full_disk": full_disk,
        "read_only_disk": read_only_disk,
        "corrupt_page": corrupt_page,
        "postgres_restart": postgres_restart,
        "hanging_worker": hanging_worker,
        "clock_jumps": clock_jumps,
        "slow_clients": slow_clients,
        "idle_connections": partial(idle_connections, count=arguments.idle),
    }
    wanted = arguments.only.split(",") if arguments.only else list(drills)
    figures: dict[str, Any] = {}
    with Stable() as stable:
        for name in wanted:
            with tempfile.TemporaryDirectory(prefix="rr-drill-") as folder:
                try:
                    figures[name] = drills[name](stable, Path(folder))
                except (PermissionError, ModuleNotFoundError, FileNotFoundError) as exc:
                    figures[name] = {"skipped": f"{type(exc).__name__}: {exc}"}
            print(name, figures[name], file=sys.stderr, flush=True)
    from benchmarks.record import RESULTS, record

    # Drills may be run one by one: those of the same day stand together.
    today = RESULTS / f"{datetime.now(UTC).date().isoformat()}-faults.json"
    before = json.loads(today.read_text())["figures"] if today.is_file() else {}
    record("faults", before | figures, seed=arguments.seed)
    sys.exit(any(not one.get("held", "skipped" in one) for one in figures.values()))


if __name__ == "__main__":
    main()
