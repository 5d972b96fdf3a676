"""`rag-router eval make-conflicts`: passages that contradict what is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rag_router.cli.options import as_json, print_json, progress

__all__ = ["make_conflicts"]


@click.command("make-conflicts")
@click.option(
    "--data",
    "paths",
    multiple=True,
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Questions with answers and gold passages, JSON Lines; may be given several times.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write, JSON Lines; compressed where it ends with .gz.",
)
@click.option(
    "--policy",
    default="corpus",
    show_default=True,
    help="What takes the answer's place: corpus, type-swap, alias or popularity.",
)
@click.option("--seed", default=0, show_default=True, help="Of the draws.")
@click.option("--limit", type=click.IntRange(min=1), help="Most questions of each file.")
@click.option(
    "--typer",
    default="rules",
    show_default=True,
    help="What tells people from places: rules, or spacy:MODEL.",
)
@click.option("--force", is_flag=True, help="Overwrite the file.")
@as_json
def make_conflicts(
    paths: tuple[Path, ...],
    out: Path,
    policy: str,
    seed: int,
    limit: int | None,
    typer: str,
    force: bool,
    as_json: bool,
) -> None:
    """Replace the answers in gold passages, so that memory and passage contradict each other.

    The substitutes are other answers of the same files, all of them, whatever the limit.
    """
    from rag_router.eval.conflicts import check_free, typer_named, write_rows
    from rag_router.eval.conflicts import make_conflicts as make
    from rag_router.eval.datasets import read_questions

    check_free(out, force=force)
    chosen = typer_named(typer)
    questions = read_questions(paths)
    only = None if limit is None else {q.id for q in read_questions(paths, limit=limit)}
    bar, move = progress("looking for answers")
    with bar:
        made = make(questions, chosen, policy=policy, seed=seed, only=only, on_progress=move)
    write_rows(out, made.rows, force=force)
    report = {
        "path": str(out),
        "policy": policy,
        "typer": typer,
        "seed": seed,
        "read": made.read,
        "made": len(made.rows),
        "types": dict(made.types),
        "skipped": dict(made.skipped),
    }
    if as_json:
        print_json(report)
    else:
        _show(report)


def _show(report: dict[str, Any]) -> None:
    for key, value in report.items():
        if not isinstance(value, dict):
            click.echo(f"{key:<26}{value}")
    for key in ("types", "skipped"):
        for name, count in report[key].items():
            click.echo(f"{key + ' ' + name:<34}{count}")
