"""When to look things up: never, always, as gates say, at random, or as an oracle.

    python -m benchmarks.policies --data FOLDER --index wiki [--limit 400] [--gate NAME]...

On held-out questions of nq_gold, against an index of the Wikipedia passages
(`rag-router index add wiki FOLDER/wiki_passages/*.jsonl.gz`). The passages that come with the
questions are not shown.
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from benchmarks.record import record, report_folder
from rag_router.cli.evaluate.answers import run_policies
from rag_router.cli.evaluate.common import read_data
from rag_router.eval.datasets import data_hash
from rag_router.eval.policy_report import policy_report, policy_summary
from rag_router.eval.report import write_report
from rag_router.settings import Settings


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--index", "indexes", multiple=True, default=("wiki",), show_default=True)
@click.option("--limit", default=400, show_default=True)
@click.option("--gate", "gates", multiple=True, help="Further gates.")
@click.option("--cache/--no-cache", "use_cache", default=True, help="Keep and take answers.")
def main(
    data: Path, indexes: tuple[str, ...], limit: int, gates: tuple[str, ...], use_cache: bool
) -> None:
    """Measure, print and record."""
    asked = read_data([str(data / "nq_gold/dev.jsonl.gz")], limit=limit, held_out=True)
    settings = Settings(indexes=indexes)
    begin = time.perf_counter()
    run, manifest = run_policies(settings, asked, names=gates, use_cache=use_cache)
    seconds = time.perf_counter() - begin
    report = policy_report(run, manifest, title="When to look things up", rows=False)
    write_report(report, report_folder("policies"))
    figures = policy_summary(run) | {"seconds": round(seconds, 1), "from_cache": use_cache}
    record("policies", figures, data_hash=data_hash(asked.questions), models=manifest.get("models"))


if __name__ == "__main__":
    main()
