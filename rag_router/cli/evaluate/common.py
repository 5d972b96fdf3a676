"""What the evaluations share: their options, their data, their manifest and their report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.options import as_json, config_option, print_json

if TYPE_CHECKING:
    from rag_router.eval.readers import Snapshot
    from rag_router.eval.report import Report, Table
    from rag_router.experts import Expert
    from rag_router.outcomes import OutcomeCache, RecordCache
    from rag_router.settings import Settings
    from rag_router.types import Question

__all__ = ["DataSet", "Kept", "evaluation_options", "finish", "manifest_of", "read_data"]


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
    """

    questions: list[Question]
    sets: list[str]
    files: tuple[Snapshot, ...]
    paths: tuple[str, ...]

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
    from rag_router.eval.sets import set_name

    local = [Path(path) for path in paths if not path.startswith("hf:")]
    files = snapshot(local)
    questions: list[Question] = []
    sets: list[str] = []
    for path in paths:
        remote = path.startswith("hf:")
        found = read_questions([path if remote else Path(path)], answers=answers, limit=None)
        if held_out:
            found = [question for question in found if is_held_out(question.id)]
        found = _limited(found, limit)
        questions += found
        sets += [path if remote else set_name(Path(path))] * len(found)
    if not questions:
        raise DataError(
            f"no question with an answer is left of {', '.join(paths)}.",
            hint="Give a set whose questions have accepted answers, or a larger one.",
        )
    return DataSet(questions=questions, sets=sets, files=files, paths=tuple(paths))


def _limited(questions: list[Question], limit: int | None) -> list[Question]:
    from rag_router.eval.datasets import sample

    return questions if limit is None else sample(questions, limit)


@dataclass(frozen=True, slots=True)
class Kept:
    """Where answers are kept; nothing is, where `path` is None."""

    path: Path | None
    _open: dict[str, Any] = field(default_factory=dict)

    @property
    def outcomes(self) -> OutcomeCache | None:
        """Closed-book answers."""
        from rag_router.outcomes import OutcomeCache

        return None if self.path is None else self._opened("outcomes", OutcomeCache)

    @property
    def records(self) -> RecordCache | None:
        """Everything else."""
        from rag_router.outcomes import RecordCache

        return None if self.path is None else self._opened("records", RecordCache)

    def _opened(self, name: str, kind: Any) -> Any:
        if name not in self._open:
            self._open[name] = kind(self.path)
        return self._open[name]


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
        data=[
            (file.path, file.sha256, sum(name == _set_of(file) for name in data.sets))
            for file in data.files
        ],
        seeds={"evaluation": seed, "bootstrap": 0},
        extra={"questions_hash": data_hash(data.questions), **extra},
    )


def _set_of(file: Snapshot) -> str:
    from rag_router.eval.sets import set_name

    return set_name(file.path)


def finish(report: Report, data: DataSet, *, out: Path | None, as_json: bool) -> None:
    """Check the data once more, write the report where one is wanted, and print the figures.

    Raises:
        DataError: a file has changed during the run.
    """
    from rag_router.eval.report import write_report

    data.verify()
    if out is not None:
        written = write_report(report, out)
        click.echo(f"Report: {written[-1]}", err=True)
    if as_json:
        print_json(report.summary)
        return
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
    console = Console()
    # Piped into a file there is no width to keep to.
    (console if console.is_terminal else Console(width=_WIDE)).print(shown)


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, tuple):
        value, low, high = cell
        return f"{value:.3f} [{low:.3f}, {high:.3f}]"
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 100 else f"{cell:,.0f}"
    return str(cell)
