"""`rag-router config`: settings, checked and shown."""

from __future__ import annotations

from pathlib import Path

import click

from rag_router.cli.options import as_json, config_option, print_json, settings_from

__all__ = ["config"]

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.group()
def config() -> None:
    """Check and show settings."""


@config.command("check")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--settings-only", is_flag=True, help="Look at what is written, and nothing else.")
@as_json
@click.pass_context
def check_file(ctx: click.Context, path: Path | None, settings_only: bool, as_json: bool) -> None:
    """Check settings, and everything that `rag-router serve` will need with them.

    Says file, line and what would work where a setting is wrong, and exits with 2. Then looks for
    libraries, models, what was learned of them, indexes, database, key and port; nothing is
    loaded, changed or fetched. Where something is missing it exits with 4, or with 2 where
    settings are to blame; with 0 where there are warnings alone. Without PATH, the environment is
    checked.
    """
    settings = settings_from(path)
    findings = []
    if not settings_only:
        from rag_router.cli.readiness import readiness

        findings = list(readiness(settings))
    errors = [one for one in findings if one.status == "error"]
    warnings = sum(one.status == "warning" for one in findings)
    if as_json:
        told = [one.to_json() for one in findings]
        print_json(
            {"path": None if path is None else str(path), "ok": not errors, "findings": told}
        )
    else:
        for one in findings:
            mark = click.style(f"{one.status:7}", fg=_COLOURS[one.status])
            click.echo(" ".join(filter(None, (mark, f"{one.what}: {one.said}", one.hint))))
        name = "the environment" if path is None else str(path)
        beside = f", with {warnings} warning(s)" if warnings else ""
        click.echo(f"{len(errors)} error(s){beside}." if errors else f"{name} is fine{beside}.")
    ctx.exit(errors[0].code if errors else 0)


@config.command("show")
@config_option
@as_json
def show(config: Path | None, as_json: bool) -> None:
    """Print the settings in force, defaults included, as JSON in any case."""
    del as_json  # taken because every command that prints takes it
    print_json(settings_from(config).model_dump(mode="json"))
