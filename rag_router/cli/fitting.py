"""What the `fit` and `show` commands of gates, filters and decoders share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.options import print_json

if TYPE_CHECKING:
    from rag_router.artefacts import Artefact

__all__ = ["data_options", "publish", "show_artefact"]


def data_options(command: Any) -> Any:
    """Add --data, --limit, --seed and --out to a command."""
    for option in (
        click.option(
            "--out",
            type=click.Path(file_okay=False, path_type=Path),
            required=True,
            help="Folder to write the artefact to.",
        ),
        click.option("--seed", default=0, show_default=True, help="Of the held-out split."),
        click.option("--limit", type=click.IntRange(min=1), help="Most questions of each file."),
        click.option(
            "--data",
            "paths",
            multiple=True,
            required=True,
            type=click.Path(dir_okay=False, path_type=Path),
            help="Questions with answers, JSON Lines; may be given several times.",
        ),
    ):
        command = option(command)
    return command


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
