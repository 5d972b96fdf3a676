"""`make bench`: every benchmark whose data is at hand, one after another.

Question sets are looked for under the folder that BENCH_DATA names; benchmarks that need one that
is not there are skipped, and said to be. Indexes and kept answers lie in a home of their own, the
one that BENCH_HOME names (`.bench`), so that none of yours is touched and a second run is quicker.
Other libraries take part where BENCH_PEERS names a folder of their environments.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

DATA = Path(os.environ.get("BENCH_DATA", "../shared/data"))
BENCHMARKS: tuple[tuple[str, str | None], ...] = (
    ("benchmarks.demo", None),
    ("benchmarks.latency", None),
    ("benchmarks.adapters", None),
    ("benchmarks.decoding", None),
    ("benchmarks.examples", None),
    ("benchmarks.resume", None),
    ("benchmarks.kills", None),
    ("benchmarks.batch", None),
    ("benchmarks.batch --part ray", None),
    ("benchmarks.fuzz_api", None),
    ("benchmarks.fuzz_readers", None),
    ("benchmarks.faults", None),
    ("benchmarks.audit", None),
    ("benchmarks.remote", None),
    ("benchmarks.service", None),
    ("benchmarks.guards", None),
    ("benchmarks.tenants", None),
    ("benchmarks.page", None),
    ("benchmarks.indices", "wiki_passages"),
    ("benchmarks.generators", "nq_gold/dev.jsonl.gz"),
    ("benchmarks.gates", ""),
    ("benchmarks.policies", ""),
    ("benchmarks.filters", ""),
    ("benchmarks.filters_asking", ""),
    ("benchmarks.poisoned", ""),
    ("benchmarks.verifying", ""),
    ("benchmarks.batch --part loop", ""),
    ("benchmarks.conflict", ""),
    ("benchmarks.abstention", ""),
    ("benchmarks.instructions", ""),
    ("benchmarks.citations", ""),
    ("benchmarks.routing", ""),
    ("benchmarks.experts", ""),
    ("benchmarks.fusion", ""),
    ("benchmarks.granular", ""),
    ("benchmarks.peers.retrieval.compare", ""),
)


def main() -> None:
    """Run them all; the exit code is that of the first that fails."""
    os.environ["RAG_ROUTER_HOME"] = os.environ.get("BENCH_HOME", ".bench")
    os.environ.setdefault("RAG_ROUTER_GENERATOR__BATCH_SIZE", "32")
    for command, needed in BENCHMARKS:
        if lacking := _lacking(command, needed):
            print(f"skipped {command}: {lacking}", file=sys.stderr)
            continue
        module, *arguments = command.split()
        if needed is not None:
            arguments += ["--data", str(DATA / needed)]
        if module.startswith("benchmarks.peers"):
            arguments += ["--environments", os.environ["BENCH_PEERS"]]
        if module in {"benchmarks.indices", "benchmarks.policies"}:
            _index_wiki()
        print(f"== {command}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", module, *arguments], check=True)


def _lacking(command: str, needed: str | None) -> str:
    """What a benchmark needs and this machine lacks; empty where nothing is missing."""
    if needed is not None and not (DATA / needed).exists():
        return f"{DATA / needed} is not there"
    if command.startswith("benchmarks.peers") and "BENCH_PEERS" not in os.environ:
        return "BENCH_PEERS names no environments"
    if command == "benchmarks.page" and shutil.which("chromium") is None:
        return "there is no chromium"
    if command.endswith("ray") and find_spec("ray") is None:
        return "Ray is not installed"
    return ""


def _index_wiki() -> None:
    """Index the passages that policies look in; what is there already is left as it is."""
    passages = sorted(str(path) for path in (DATA / "wiki_passages").glob("*.jsonl.gz"))
    print("== indexing the passages", file=sys.stderr)
    command = [sys.executable, "-m", "rag_router.cli.main", "index", "add", "wiki", *passages]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
