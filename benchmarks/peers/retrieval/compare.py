"""bm25s, rank-bm25, txtai and Haystack against our retrievers: how good, and how fast?

    python -m benchmarks.peers.retrieval.compare --data FOLDER --environments FOLDER

FOLDER/cranfield and so on hold corpus.jsonl.gz, queries.jsonl and qrels.jsonl; the environments
are virtual environments called after the systems. A system without one is skipped, and said to be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from benchmarks.peers.retrieval.files import read_qrels, read_run
from benchmarks.peers.retrieval.systems import SYSTEMS, system
from benchmarks.peers.retrieval.table import CAVEATS, markdown
from benchmarks.record import record
from rag_router.eval.metrics.ranking import ranking_figures
from rag_router.models.store import LocalModel, ModelStore

ROOT = Path(__file__).parents[3]
FILES = {"corpus": "corpus.jsonl.gz", "queries": "queries.jsonl", "qrels": "qrels.jsonl"}
KEPT = (
    *("load_s", "index_s", "index_cpu_s", "first_query_ms", "memory_mb"),
    *("p50_ms", "p95_ms", "p50_cpu_ms", "p95_cpu_ms"),
)
ALONE = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
}
"""One thread, and nothing said to anybody."""


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--environments", type=click.Path(path_type=Path), required=True)
@click.option("--set", "names", multiple=True, default=("cranfield", "cacm", "cisi"))
@click.option("--embedder", default="all-minilm-l6-v2", show_default=True)
def main(data: Path, environments: Path, names: tuple[str, ...], embedder: str) -> None:
    """Run every system on every set, print the tables and record them."""
    model = ModelStore().resolve(embedder)
    pythons = dict(_pythons(environments))
    load_before = os.getloadavg()
    libraries: dict[str, dict[str, str]] = {}
    sets: dict[str, Any] = {}
    for name in names:
        rows: dict[str, dict[str, float]] = {}
        for of, python in pythons.items():
            for variant in system(of).VARIANTS:
                click.echo(f"{name}: {of}/{variant}", err=True)
                result, rows[f"{of}/{variant}"] = _run(python, of, variant, data / name, model)
                libraries[of] = {"python": result["python"], **result["libraries"]}
        sizes = {key: result[key] for key in ("documents", "queries")}
        sets[name] = {**sizes, "systems": rows}
    figures = {"sets": sets, "caveats": CAVEATS}
    click.echo(markdown(figures))
    record(
        "peers-retrieval",
        figures,
        data_hash=_data_hash(data, names),
        models={model.name: model.fingerprint},
        systems=libraries,
        threads=1,
        load_average=[round(load, 1) for load in (*load_before, *os.getloadavg())],
    )


def _pythons(environments: Path) -> Iterator[tuple[str, Path]]:
    for name in SYSTEMS:
        python = environments / name / "bin" / "python"
        if name == "ours":
            yield name, Path(sys.executable)
        elif python.exists():
            yield name, python
        else:
            click.echo(f"skipped {name}: {python} is not there", err=True)


def _run(
    python: Path, of: str, variant: str, folder: Path, model: LocalModel
) -> tuple[dict[str, Any], dict[str, float]]:
    """Run one system in its own process, and score what it found in this one."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "result.json"
        asked = {"system": of, "variant": variant, "embedder": model.path, "out": out}
        asked |= {key: folder.resolve() / file for key, file in FILES.items()}
        arguments = [part for key, value in asked.items() for part in (f"--{key}", str(value))]
        done = subprocess.run(
            [python, "-m", "benchmarks.peers.retrieval.run", *arguments],
            cwd=ROOT,
            env={**os.environ, **ALONE},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise click.ClickException(f"{of}/{variant} on {folder.name}: {done.stderr[-2000:]}")
        result = json.loads(out.read_text(encoding="utf-8"))
        qrels = read_qrels(folder / FILES["qrels"])
        figures = ranking_figures(read_run(out.with_suffix(".run"), qrels), qrels)
    return result, {k: round(v, 4) for k, v in figures.items()} | {k: result[k] for k in KEPT}


def _data_hash(data: Path, names: tuple[str, ...]) -> str:
    digest = sha256()
    for name in names:
        for file in FILES.values():
            digest.update((data / name / file).read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
