"""One system, set up one way, on one corpus, in its own process and environment.

    ENVIRONMENT/bin/python -m benchmarks.peers.retrieval.run --system bm25s --variant plain
        --corpus corpus.jsonl.gz --queries queries.jsonl --qrels qrels.jsonl --out result.json

Writes seconds, milliseconds and memory to result.json, and what was found to result.run, which
`compare` scores: the systems share the code that judges them, but no environment.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.peers.retrieval.files import read_corpus, read_qrels, read_queries, write_run
from benchmarks.peers.retrieval.systems import SYSTEMS, Given, system

K = 10


def main() -> None:
    """Index, ask every judged query once, alone, and write down how long that took."""
    asked = _arguments()
    chosen = system(asked.system)
    if asked.variant not in chosen.VARIANTS:
        sys.exit(f"no variant {asked.variant!r} of {asked.system}: {', '.join(chosen.VARIANTS)}")
    documents = read_corpus(asked.corpus)
    judged = read_qrels(asked.qrels)
    queries = {id_: text for id_, text in read_queries(asked.queries).items() if id_ in judged}

    begin = time.perf_counter()
    searcher = chosen.VARIANTS[asked.variant](Given(asked.corpus, asked.embedder))
    loaded, loaded_cpu = time.perf_counter(), time.process_time()
    searcher.index(documents)
    indexed, indexed_cpu = time.perf_counter(), time.process_time()
    # What is built when it is first asked for belongs to no query.
    searcher.search(next(iter(queries.values())), K)
    warm = time.perf_counter()

    run, spent_ms, cpu_ms = {}, [], []
    for id_, text in queries.items():
        start, start_cpu = time.perf_counter(), time.process_time()
        run[id_] = list(searcher.search(text, K))
        cpu_ms.append(1000 * (time.process_time() - start_cpu))
        spent_ms.append(1000 * (time.perf_counter() - start))
    write_run(asked.out.with_suffix(".run"), run, f"{asked.system}-{asked.variant}")
    result = {
        "system": asked.system,
        "variant": asked.variant,
        "documents": len(documents),
        "queries": len(queries),
        "load_s": round(loaded - begin, 3),
        "index_s": round(indexed - loaded, 3),
        "index_cpu_s": round(indexed_cpu - loaded_cpu, 3),
        "first_query_ms": round(1000 * (warm - indexed), 2),
        **_percentiles(spent_ms, "ms"),
        **_percentiles(cpu_ms, "cpu_ms"),
        "memory_mb": round(_peak_bytes() / 1e6),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in chosen.LIBRARIES},
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", choices=SYSTEMS, required=True)
    parser.add_argument("--variant", required=True, help="How it is set up.")
    for name in ("corpus", "queries", "qrels", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--embedder", type=Path, help="Folder of a sentence-transformers model.")
    return parser.parse_args()


def _percentiles(values: list[float], unit: str) -> dict[str, float]:
    p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
    return {
        f"p50_{unit}": round(statistics.median(values), 3),
        f"p95_{unit}": round(p95, 3),
    }


def _peak_bytes() -> int:
    """Most memory this process ever held; Linux counts it in kilobytes, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
