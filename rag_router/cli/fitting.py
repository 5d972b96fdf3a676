"""What the `fit` and `show` commands of gates, filters and decoders share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.options import print_json

if TYPE_CHECKING:
    from rag_router.artefacts import Artefact
    from rag_router.cli.evaluate.common import DataSet

__all__ = [
    "data_options",
    "name_some",
    "publish",
    "read_labelled",
    "require_free",
    "say_too_long",
    "show_artefact",
]


def data_options(*, required: bool = True) -> Callable[[Any], Any]:
    """Add --data, --limit, --seed and --out to a command.

    Args:
        required: Whether there must be a set of questions.
    """

    def decorate(command: Any) -> Any:
        for option in (
            click.option(
                "--out",
                type=click.Path(file_okay=False, path_type=Path),
                required=True,
                help="Folder to write the artefact to.",
            ),
            click.option("--seed", default=0, show_default=True, help="Of the held-out split."),
            click.option("--limit", type=click.IntRange(min=1), help="Most questions of each set."),
            click.option(
                "--data",
                "paths",
                multiple=True,
                required=required,
                metavar="FILE",
                help="Questions with answers: a file or folder in any layout that is known, or "
                "hf:org/name; may be given several times.",
            ),
        ):
            command = option(command)
        return command

    return decorate


def read_labelled(paths: Sequence[str], *, limit: int | None, answers: bool = True) -> DataSet:
    """Read question sets as the evaluations do.

    Args:
        paths: Files, folders, or `hf:org/name`.
        limit: Most questions of each.
        answers: Whether a question without accepted answers is left out.

    Raises:
        DataError: a set cannot be read, or nothing is left of it.
    """
    from rag_router.cli.evaluate.common import read_data

    return read_data(paths, limit=limit, held_out=False, answers=answers)


def require_free(out: Path) -> None:
    """Make sure, before a long fit, that its artefact can be written; an older one is replaced.

    Raises:
        ArtefactError: something that is not an artefact stands in the way.
    """
    from rag_router.artefacts import CARD
    from rag_router.errors import ArtefactError

    if out.exists() and not (out / CARD).is_file():
        raise ArtefactError(f"{out} exists and is not an artefact.", hint="Choose another folder.")


def say_too_long(too_long: Mapping[str, str]) -> None:
    """Tell people which questions were left out for their length, and by how much the first."""
    if too_long:
        some = "question" if len(too_long) == 1 else "questions"
        why = next(iter(too_long.values()))
        click.echo(f"Left out {len(too_long)} {some}, {name_some(list(too_long))}: {why}", err=True)


def name_some(ids: Sequence[str]) -> str:
    """Name the first few ids."""
    return ", ".join(map(repr, ids[:5])) + (", …" if len(ids) > 5 else "")


def publish(artefact: Artefact, out: Path, *, as_json: bool) -> None:
    """Write an artefact and say what it is worth."""
    artefact.save(out)
    if as_json:
        print_json(_described(out))
    else:
        show_artefact(out, as_json=False)


def show_artefact(folder: Path, *, as_json: bool) -> None:
    """Print the card of an artefact."""
    described = _described(folder)
    if as_json:
        print_json(described)
        return
    # Bins are for a diagram, not for a line.
    described["notes"] = {k: v for k, v in described["notes"].items() if k != "reliability"}
    for key, value in described.items():
        click.echo(f"{key:<20}{value}")


def _described(folder: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from rag_router.artefacts import Artefact

    artefact = Artefact.load(folder)
    return {"path": str(folder), **asdict(artefact.card)}
