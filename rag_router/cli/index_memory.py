"""`rag-router index remember|fit-memory`: questions whose answers are known."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click

from rag_router.cli.libraries import (
    embedder_of,
    encoder_of,
    library_of,
    print_row,
    showing_progress,
)
from rag_router.cli.options import as_json
from rag_router.settings import EmbedderSettings

__all__ = ["fit_memory", "remember"]


@click.command()
@click.argument("name")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option("--embedder", "embedder_name", metavar="MODEL", help="What embeds the questions.")
@as_json
@click.pass_context
def remember(
    context: click.Context,
    name: str,
    paths: tuple[Path, ...],
    embedder_name: str | None,
    as_json: bool,
) -> None:
    """Put questions with their answers into the memory NAME.

    A line of a file reads {"question", "answers", "id"?, "passage"?, "meta"?}. The retriever
    qa_memory finds a pair by its question.
    """
    from rag_router.indices.pairs import read_pairs

    library = library_of(context)
    pairs = [pair for path in paths for pair in read_pairs(path)]
    chosen = embedder_name or encoder_of(library, name) or EmbedderSettings().model
    embedder = embedder_of(context, chosen, fetch=True)
    with showing_progress() as show:
        report = library.remember(name, pairs, embedder, show)
    sentence = (
        f"{name}: {report.added} added, {report.replaced} replaced, {report.unchanged} unchanged; "
        f"{report.passages} pairs in generation {report.generation}."
    )
    print_row({"index": name, **asdict(report)}, sentence, as_json)


@click.command("fit-memory")
@click.argument("name")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help='Labelled questions, not those of the memory: {"question", "answers"} a line.',
)
@click.option("--serve", default=0.95, show_default=True, help="How often what is given is right.")
@click.option("--pass-on", default=0.5, show_default=True, help="The same of what is read along.")
@click.option("--confidence", default=0.9, show_default=True, help="How sure both are to be.")
@as_json
@click.pass_context
def fit_memory(
    context: click.Context,
    name: str,
    data: Path,
    *,
    serve: float,
    pass_on: float,
    confidence: float,
    as_json: bool,
) -> None:
    """Tell from which similarity on the answers of the memory NAME may be given, or read along.

    The thresholds are printed as settings of the retriever qa_memory.
    """
    from rag_router.indices.pairs import read_pairs
    from rag_router.indices.qa_memory import QaMemory, fit_thresholds

    library = library_of(context)
    labelled = read_pairs(data)
    embedder = embedder_of(context, library.manifest(name).encoder.name, fetch=False)
    with closing(library.open(name, embedder)) as opened:
        vectors = embedder.encode_queries([pair.question for pair in labelled])
        found = QaMemory(opened).judged(vectors, [pair.answers for pair in labelled])
    fitted = fit_thresholds(
        *found, serve_precision=serve, pass_precision=pass_on, confidence=confidence
    )
    row = {"index": name, "n": len(labelled), "serve": fitted.serve, "pass_on": fitted.pass_on}
    for what, figures in (("served", fitted.served), ("passed_on", fitted.passed_on)):
        share, precision = figures or (0.0, 0.0)
        row[what] = {"share": round(share, 4), "right": round(precision, 4)}
    lines = [
        "[retriever]",
        'name = "qa_memory"',
        f"serve = {fitted.serve:.4f}",
        f"pass_on = {fitted.pass_on:.4f}",
    ]
    if fitted.curve is not None:
        row["curve"] = [round(figure, 4) for figure in fitted.curve]
        lines.append(f"curve = {row['curve']}")
    print_row(row, "\n".join(lines), as_json)
