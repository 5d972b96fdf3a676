"""`rag-router doctor`: is everything that answering needs there, and whole?"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from rag_router.cli.options import as_json, config_option, print_json, settings_from
from rag_router.errors import RagRouterError
from rag_router.settings import Settings

if TYPE_CHECKING:
    from rag_router.indices.library import Library
    from rag_router.models.store import ModelStore

__all__ = ["doctor"]

_ROOM = 4e9
"""Bytes that fetching and converting the bundled models takes, with some to spare."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    ok: bool
    said: str


@click.command()
@config_option
@click.option("--offline", is_flag=True, help="Fail unless it would run without any network.")
@click.option(
    "--costs",
    is_flag=True,
    help="Measure instead what answers cost here, and tell how often they are right.",
)
@click.option("--mix", metavar="SHARES", help="With --costs: known=0.3,unknown=0.7.")
@click.option(
    "--data",
    "paths",
    multiple=True,
    metavar="FILE",
    help="With --costs: questions with answers, to take mix and accuracies from.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="With --costs: report of `eval answers` to take mix and accuracies from; without, those "
    "of the newest evaluation count.",
)
@click.option(
    "--worth-s",
    type=click.FloatRange(min=0, min_open=True),
    help="With --costs: seconds that a right answer is worth, to choose a threshold by.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="With --costs: most questions of each set.",
)
@as_json
@click.pass_context
def doctor(
    ctx: click.Context,
    config: Path | None,
    offline: bool,
    costs: bool,
    mix: str | None,
    paths: tuple[str, ...],
    report: Path | None,
    worth_s: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """Tell whether everything needed is there. Exits with 4 where something is missing."""
    if costs:
        from rag_router.cli.doctor_costs import costs_of, tell_costs

        found = costs_of(
            settings_from(config), mix=mix, paths=paths, report=report, worth_s=worth_s, limit=limit
        )
        print_json(found) if as_json else tell_costs(found)
        return
    if mix or paths or report is not None or worth_s is not None:
        raise click.UsageError("--mix, --data, --report and --worth-s belong to --costs.")
    findings = list(_examine(settings_from(config), offline=offline))
    healthy = all(finding.ok for finding in findings)
    if as_json:
        print_json({"ok": healthy, "findings": [finding._asdict() for finding in findings]})
    else:
        for finding in findings:
            mark = click.style("ok  ", fg="green") if finding.ok else click.style("miss", fg="red")
            click.echo(f"{mark} {finding.what}: {finding.said}")
    ctx.exit(0 if healthy else 4)


def _examine(settings: Settings, *, offline: bool) -> Iterator[Finding]:
    from rag_router.assembly import index_names
    from rag_router.indices.library import Library
    from rag_router.models.store import ModelStore

    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= (3, 11), version)
    store = ModelStore()
    for name in (settings.generator.model, settings.embedder.model):
        yield _tried(f"model {name}", partial(_model_folder, store, name))
    has_pip = find_spec("pip") is not None
    if not offline:
        said = "fetches models" if has_pip else "missing; `python -m ensurepip` installs it"
        yield Finding("pip", has_pip, said)
    home = settings.home
    yield _tried("data folder", lambda: _writable(home))
    free = shutil.disk_usage(_existing(home)).free
    yield Finding("disk", free > _ROOM, f"{free / 1e9:.0f} GB free")
    for extra, module in (("api", "fastapi"), ("eval", "sklearn")):
        there = find_spec(module) is not None
        said = (
            "installed" if there else f"not installed (optional: pip install rag-router[{extra}])"
        )
        yield Finding(f"extra {extra}", True, said)
    yield _tried("indexes", lambda: ", ".join(index_names(settings)) or "none yet")
    library = Library(home)
    for name in library.names():
        yield _tried(f"index {name}", partial(_index_size, library, name))


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except RagRouterError as exc:
        return Finding(what, False, str(exc))
    except OSError as exc:
        return Finding(what, False, str(exc))


def _model_folder(store: ModelStore, name: str) -> str:
    return str(store.resolve(name).path)


def _index_size(library: Library, name: str) -> str:
    return f"{library.verify(name).passages} passages"


def _writable(home: Path) -> str:
    home.mkdir(parents=True, exist_ok=True)
    probe = home / ".doctor"
    probe.write_bytes(b"")
    probe.unlink()
    return str(home)


def _existing(path: Path) -> Path:
    return next(p for p in (path, *path.absolute().parents) if p.exists())
