"""Options that several commands share, and how they change the settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import click

from rag_router.cli.plain_progress import PlainProgress
from rag_router.settings import Component, Settings, load_settings

__all__ = [
    "as_json",
    "config_option",
    "fetch_announced",
    "print_json",
    "progress",
    "settings_from",
    "where_option",
]

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
where_option = click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="Find only passages whose metadata is so: FIELD=VALUE, !=, >, >=, <, <= or "
    "'FIELD in A,B'; may be given several times, and all must hold.",
)
config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings in TOML; see `rag-router config show`.",
)


def print_json(document: Any) -> None:
    """Print exactly one JSON document on standard output."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def settings_from(
    config: Path | None,
    *,
    indexes: tuple[str, ...] = (),
    gate: str | None = None,
    expert: str | None = None,
    decoder: str | None = None,
) -> Settings:
    """Read settings and let options overrule them.

    Raises:
        SettingsError: the settings are wrong.
        UnknownNameError: no component or model goes by a name.
    """
    from rag_router.pooling import check_service

    settings = load_settings(config)
    changes: dict[str, Any] = {}
    if indexes:
        changes["indexes"] = indexes
    if gate is not None and gate != settings.gate.name:
        changes["gate"] = Component(name=gate)
    if decoder is not None and decoder != settings.decoder.name:
        changes["decoder"] = Component(name=decoder)
    # Of a pool an expert is named by each request, and changes nothing about the others.
    if expert is not None and not settings.experts:
        changes["generator"] = settings.generator.model_copy(update={"model": expert})
    settings = settings.model_copy(update=changes)
    check_service(settings)
    return settings


def fetch_announced(name: str) -> None:
    """Fetch a model on first use, after saying what that means."""
    from rag_router.cli.models import fetch_showing_progress
    from rag_router.models.store import ModelStore

    fetch_showing_progress(ModelStore(), name)


def progress(what: str) -> tuple[Any, Callable[[int, int], None]]:
    """Return a progress bar on standard error, and the function that moves it.

    Where standard error is no terminal there is no bar, but a line every now and then.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        return nullcontext(), PlainProgress(what).move
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(what, total=None)

    def move(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    return bar, move
