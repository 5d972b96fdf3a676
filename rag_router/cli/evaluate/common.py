"""What the evaluations share: their options, their data, their manifest and their report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.options import as_json, config_option, print_json

if TYPE_CHECKING:
    from rag_router.eval.readers import Snapshot
    from rag_router.eval.report import Report, Table
    from rag_router.experts import Expert
    from rag_router.settings import Settings
    from rag_router.types import Question

__all__ = [
    "DataSet",
    "evaluation_options",
    "finish",
    "manifest_of",
    "read_data",
    "require_judgeable",
    "require_report",
    "show",
    "write",
]

_WIDE = 160
"""Columns of text where nobody says how many there are."""


def evaluation_options(command: Any) -> Any:
    """Add the options that all evaluations of questions have."""
    for option in (
        as_json,
        click.option("--seed", default=0, show_default=True, help="Of everything that is drawn."),
        click.option(
            "--cache/--no-cache",
            "use_cache",
            default=True,
            help="Keep answers, and take those that are kept.",
        ),
        config_option,
        click.option(
            "--out",
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder for the report: a page, figures and their data.",
        ),
        click.option(
            "--held-out", is_flag=True, help="Only the half that fitting leaves out (by id)."
        ),
        click.option("--limit", type=click.IntRange(min=1), help="Most questions of each set."),
        click.option(
            "--data",
            "paths",
            multiple=True,
            required=True,
            metavar="FILE",
            help="Questions with answers, in any layout that is known, or hf:org/name; may be "
            "given several times.",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Questions as they were read.

    Attributes:
        questions: All of them.
        sets: Name of each one's set.
        files: What the files held.
        paths: As they were given.
        counts: Number of questions from each path.
    """

    questions: list[Question]
    sets: list[str]
    files: tuple[Snapshot, ...]
    paths: tuple[str, ...]
    counts: tuple[int, ...] = ()

    def verify(self) -> None:
        """Check that no file has changed since.

        Raises:
            DataError: one has.
        """
        for file in self.files:
            file.verify()


def read_data(
    paths: Sequence[str], *, limit: int | None, held_out: bool, answers: bool = True
) -> DataSet:
    """Read what is to be evaluated on.

    Raises:
        DataError: a set cannot be read, or nothing is left of it.
    """
    from rag_router.errors import DataError
    from rag_router.eval.datasets import is_held_out, read_questions
    from rag_router.eval.readers import snapshot
    from rag_router.eval.sets import set_names

    paths = tuple(dict.fromkeys(paths))
    files = snapshot([Path(path) for path in paths if not _is_remote(path)])
    questions: list[Question] = []
    sets: list[str] = []
    counts: list[int] = []
    for path, name in set_names(paths).items():
        source = path if _is_remote(path) else Path(path)
        found = read_questions([source], answers=answers, limit=None)
        if held_out:
            found = [question for question in found if is_held_out(question.id)]
        found = _limited(found, limit)
        questions += found
        sets += [name] * len(found)
        counts.append(len(found))
    if not questions:
        raise DataError(
            f"no question with an answer is left of {', '.join(paths)}.",
            hint="Give a set whose questions have accepted answers, or a larger one.",
        )
    return DataSet(questions=questions, sets=sets, files=files, paths=paths, counts=tuple(counts))


def _is_remote(path: str) -> bool:
    return path.startswith("hf:")


def _limited(questions: list[Question], limit: int | None) -> list[Question]:
    from rag_router.eval.datasets import sample

    return questions if limit is None else sample(questions, limit)


def manifest_of(
    settings: Settings, experts: Sequence[Expert], data: DataSet, *, seed: int, **extra: Any
) -> dict[str, Any]:
    """Say what a run was made with."""
    from rag_router.eval.datasets import data_hash
    from rag_router.eval.manifest import manifest

    return manifest(
        settings=settings,
        models=[(expert.name, expert.model.fingerprint) for expert in experts],
        prompts={
            key: text
            for expert in experts
            for key, text in (
                (f"{expert.name}, closed-book", expert.style.example()),
                (f"{expert.name}, with passages", expert.style.example(passages=True)),
            )
        },
        data=_rows_of_files(data),
        seeds={"evaluation": seed, "bootstrap": 0},
        extra={"questions_hash": data_hash(data.questions), **extra},
    )


def _rows_of_files(data: DataSet) -> list[tuple[Path, str, int]]:
    """Each file, its hash, and how many questions were asked of it or of the folder it is in."""
    given = [(Path(path), count) for path, count in zip(data.paths, data.counts, strict=True)]
    return [
        (
            file.path,
            file.sha256,
            sum(count for path, count in given if path in (file.path, *file.path.parents)),
        )
        for file in data.files
    ]


def require_judgeable(data: DataSet) -> None:
    """Make sure, before a long run, that every question says what is right in a way that is read.

    Raises:
        DataError: one does not.
    """
    from rag_router.eval.metrics.answers import judge

    for question in data.questions:
        judge(question, "anything")


def require_report(out: Path | None) -> None:
    """Make sure, before a long run, that a report can be written where one is wanted.

    Raises:
        UnavailableError: a library that draws or writes is not installed.
    """
    if out is not None:
        from rag_router.eval.report import require_libraries

        require_libraries()


def finish(report: Report, data: DataSet, *, out: Path | None, as_json: bool) -> None:
    """Check the data once more, write the report where one is wanted, and print the figures.

    Raises:
        DataError: a file has changed during the run.
    """
    write(report, data, out=out)
    if as_json:
        print_json(report.summary)
    else:
        show(report)


def write(report: Report, data: DataSet, *, out: Path | None) -> None:
    """Check the data once more, and write the report where one is wanted.

    Raises:
        DataError: a file has changed during the run.
        UnavailableError: the folder cannot be written.
    """
    from rag_router.eval.report import write_report

    data.verify()
    if out is not None:
        written = write_report(report, out)
        click.echo(f"Report: {written[-1]}", err=True)


def show(report: Report) -> None:
    """Show people the tables, and what was skipped."""
    for table in report.tables:
        if table.rows:
            _show(table)
    for name, why in report.summary.get("skipped", {}).items():
        click.echo(f"skipped {name}: {why}", err=True)


def _show(table: Table) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as Shown

    shown = Shown(title=table.title, caption=table.note or None, box=box.SIMPLE)
    for at, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if at else "left")
    for row in table.rows:
        shown.add_row(*(_text(cell) for cell in row))
    # Names come from outside, and steer nothing. Piped into a file there is no width to keep to.
    width = None if Console().is_terminal else _WIDE
    Console(width=width, markup=False, emoji=False).print(shown)


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, tuple):
        value, low, high = cell
        return f"{value:.3f} [{low:.3f}, {high:.3f}]"
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 100 else f"{cell:,.0f}"
    return str(cell)
