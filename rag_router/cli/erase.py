"""`rag-router erase`: documents and tenants, wherever they are, and for good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rag_router.cli.kept import noted, opened
from rag_router.cli.options import as_json, config_option, print_json

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from rag_router.api.erasing.planning import Plan
    from rag_router.api.resources import Resources

__all__ = ["erase"]

_WAITS_S: Final = 120.0

_dry_run = click.option("--dry-run", is_flag=True, help="Only tell what would go.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
def erase() -> None:
    """Erase documents or tenants: indexes, older generations, backups, traces, all of it.

    Where a service runs, it does that itself, and the command waits for it.
    """


@erase.command()
@click.argument("id", metavar="ID")
@click.option("--index", metavar="NAME", help="Where it stands, if nobody uploaded it.")
@_dry_run
@_yes
@config_option
@as_json
def document(
    id: str, index: str | None, *, dry_run: bool, yes: bool, config: Path | None, as_json: bool
) -> None:
    """Erase a document, by the id it was uploaded under.

    One that was never uploaded goes by its id in the index that --index names.
    """
    from sqlalchemy import select

    from rag_router.api.erasing import plan_of_document, plan_of_indexed
    from rag_router.store.service_tables import DEFAULT_TENANT, UploadRow

    def plan(session: Session, kept: Resources) -> Plan:
        if index is not None:
            return plan_of_indexed(session, kept.library, DEFAULT_TENANT, index, [id])
        owner = session.scalar(select(UploadRow.tenant).where(UploadRow.id == id))
        return plan_of_document(session, kept.library, owner or DEFAULT_TENANT, id)

    _erase(plan, config, dry_run=dry_run, yes=yes, as_json=as_json)


@erase.command()
@click.argument("name")
@_dry_run
@_yes
@config_option
@as_json
def tenant(name: str, *, dry_run: bool, yes: bool, config: Path | None, as_json: bool) -> None:
    """Erase all that a tenant has, its keys included."""
    from rag_router.api.erasing import plan_of_tenant

    def plan(session: Session, kept: Resources) -> Plan:
        del kept
        return plan_of_tenant(session, name)

    _erase(plan, config, dry_run=dry_run, yes=yes, as_json=as_json)


@erase.command("list")
@config_option
@as_json
def list_(config: Path | None, *, as_json: bool) -> None:
    """List erasures, the newest first."""
    from rag_router.store.erasures import erasures

    with opened(config) as kept, kept.database.reading() as session:
        from rag_router.api.erasures import erasure_of

        rows = [erasure_of(row) for row in erasures(session, None, limit=200)]
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    for row in rows:
        click.echo(f"{row.id}  {row.created_at:%Y-%m-%d %H:%M}  {row.state:9}  {row.kind}")


@erase.command()
@click.argument("id")
@config_option
@as_json
def show(id: str, config: Path | None, *, as_json: bool) -> None:
    """Show how far an erasure has come, and what it has found."""
    from rag_router.store.erasures import erasure

    with opened(config) as kept, kept.database.reading() as session:
        from rag_router.api.erasures import erasure_of

        row = erasure_of(erasure(session, id))
    _tell(row.model_dump(mode="json"), as_json)


@erase.command()
@config_option
@as_json
def resume(config: Path | None, *, as_json: bool) -> None:
    """Go on with everything that was begun and is not done."""
    from rag_router.store.erasures import open_erasures

    with opened(config) as kept:
        from rag_router.api.erasures import erasure_of

        with kept.database.reading() as session:
            waiting = [row.id for row in open_erasures(session)]
        done = [kept.eraser.finish(id_, patience_s=_WAITS_S) for id_ in waiting]
    rows = [erasure_of(row).model_dump(mode="json") for row in done]
    if as_json:
        print_json(rows)
        return
    click.echo(f"{len(rows)} erasures were gone on with, and are done.")


def _erase(
    plan: Callable[[Session, Resources], Plan],
    config: Path | None,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:

    with opened(config) as kept:
        from rag_router.api.erasures import erasure_of, planned

        kept.adopt()
        with kept.database.reading() as session:
            found = planned(plan(session, kept), session)
        if dry_run:
            _tell(found.model_dump(mode="json"), as_json)
            return
        if not yes:
            counts = ", ".join(f"{count} {what}" for what, count in found.found.items() if count)
            click.confirm(f"Erase {found.kind} for good: {counts}?", abort=True, err=True)
        with kept.database.writing() as session:
            row = plan(session, kept).note(session, now=kept.clock())
            noted(kept, session, f"erase {row.kind}", tenant=row.tenant, target=row.id)
        done = kept.eraser.finish(row.id, patience_s=_WAITS_S)
    _tell(erasure_of(done).model_dump(mode="json"), as_json)


def _tell(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    if row["state"] == "planned":
        click.echo(f"This {row['kind']} would go:")
        for what, count in row["found"].items():
            click.echo(f"  {count:>6}  {what}")
        click.echo("and what indexes, backups and files hold of it.")
        return
    click.echo(f"{row['id']}: {row['state']}")
    for step in row["report"]:
        said = ", ".join(f"{count} {what}" for what, count in step.items() if what != "step")
        click.echo(f"  {step['step']:<10} {said or 'written anew'}")
    if row["problem"]:
        click.echo(row["problem"])
