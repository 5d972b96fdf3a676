"""`rag-router config`: settings, checked and shown."""

from __future__ import annotations

from pathlib import Path

import click

from rag_router.cli.options import as_json, config_option, print_json, settings_from

__all__ = ["config"]


@click.group()
def config() -> None:
    """Check and show settings."""


@config.command("check")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@as_json
def check_file(path: Path, as_json: bool) -> None:
    """Check a settings file; say file, line and what would work where it is wrong."""
    settings_from(path)
    if as_json:
        print_json({"path": str(path), "ok": True})
    else:
        click.echo(f"{path} is fine.")


@config.command("show")
@config_option
@as_json
def show(config: Path | None, as_json: bool) -> None:
    """Print the settings in force, defaults included, as JSON in any case."""
    del as_json  # taken because every command that prints takes it
    print_json(settings_from(config).model_dump(mode="json"))
