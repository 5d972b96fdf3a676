"""Does anything that is pinned have a known hole?

    python -m benchmarks.audit

pip-audit compares `constraints.txt` with a database of advisories, which takes a network: without
one, or without pip-audit (`pip install 'rag-router[security]'`), it is skipped, and said to be.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.record import record

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
_OPTIONS = ("--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json")


def main() -> None:
    """Look and record; exit with 1 where a hole is known."""
    if find_spec("pip_audit") is None:
        print("skipped: pip-audit is not there", file=sys.stderr)
        return
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", *_OPTIONS, "--requirement", str(CONSTRAINTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        looked = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"skipped: no advisories could be had: {done.stderr[-300:]}", file=sys.stderr)
        return
    passed_over = {one["name"]: one["skip_reason"] for one in looked if "skip_reason" in one}
    if len(passed_over) == len(looked):
        why = next(iter(passed_over.values()), "nothing is pinned")
        print(f"skipped: no advisories could be had of any package: {why}", file=sys.stderr)
        return
    holes = {
        f"{one['name']} {one['version']}": [hole["id"] for hole in one["vulns"]]
        for one in looked
        if one.get("vulns")
    }
    figures = {"packages": len(looked), "passed_over": sorted(passed_over), "holes": holes}
    record("audit", figures)
    sys.exit(bool(holes))


if __name__ == "__main__":
    main()
