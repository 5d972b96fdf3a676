"""How long `make demo` takes on a bare clone, and the second time.

    python -m benchmarks.demo

Clones this repository into an empty folder, with a model folder of its own, so that the
environment is made, the models fetched and converted. Bars: 8 minutes, then 90 seconds.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.record import record

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Measure, print and record."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RAG_ROUTER_")}
        environment |= {"RAG_ROUTER_MODELS": str(Path(folder) / "models")}
        first_s, right = _demo(clone, environment)
        second_s, _ = _demo(clone, environment)
    record(
        "demo",
        {"bare_clone_s": first_s, "second_run_s": second_s, "right_of_twelve": right},
    )


def _demo(clone: Path, environment: dict[str, str]) -> tuple[float, int]:
    start = time.perf_counter()
    done = subprocess.run(
        ["make", "demo"], cwd=clone, env=environment, capture_output=True, text=True, check=True
    )
    found = re.search(r"(\d+) of 12 right", done.stdout)
    return round(time.perf_counter() - start, 1), int(found[1]) if found else 0


if __name__ == "__main__":
    main()
