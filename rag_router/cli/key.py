"""`rag-router key`: who may call the service, made, listed, exchanged and taken back."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rag_router.cli.kept import noted, opened
from rag_router.cli.options import as_json, config_option, print_json

if TYPE_CHECKING:
    from rag_router.api.resources import Resources
    from rag_router.store.keys import NewKey
    from rag_router.store.service_tables import KeyRow

__all__ = ["key"]

_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3_600.0
_SCOPES: Final = ("answer", "read", "write", "feedback", "metrics", "admin")
_PAGE: Final = 200


@click.group()
def key() -> None:
    """Make, list, exchange and revoke the keys that callers of the service send.

    A service that runs takes notice within a second.
    """


@key.command()
@click.option("--tenant", default="default", show_default=True, help="Whose things it opens.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(_SCOPES),
    default=("answer", "read", "feedback"),
    show_default=True,
    help="What it may do; may be given several times.",
)
@click.option("--name", default="", help="What people call it.")
@click.option("--days", type=click.FloatRange(0, min_open=True), help="How long it lasts.")
@click.option(
    "--trust-forwarded-user",
    "forwards",
    type=click.Choice(["no", "plain", "signed"]),
    default="no",
    show_default=True,
    help="Believe the headers by which a chat frontend names its user, plain or signed.",
)
@config_option
@as_json
def add(
    tenant: str,
    scopes: tuple[str, ...],
    name: str,
    days: float | None,
    forwards: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make a key, and show it: it cannot be shown again."""
    from rag_router.store.keys import SCOPES, add_key, forwards_of

    now = time.time()
    with opened(config) as kept:
        secret = kept.secret()
        with kept.database.writing() as session:
            made = add_key(
                session,
                secret,
                tenant,
                scopes=[scope for scope in SCOPES if scope in scopes],
                name=name,
                expires=None if days is None else now + days * _DAY_S,
                forwards=forwards_of(forwards),
                now=now,
            )
            noted(kept, session, "key add", tenant=made.row.tenant, target=made.row.id)
        _tell(made, kept, as_json)


@key.command("list")
@click.option("--tenant", help="Only keys of this one.")
@config_option
@as_json
def list_keys(tenant: str | None, config: Path | None, as_json: bool) -> None:
    """List keys, the newest first; none of them can be shown."""
    from rag_router.store.keys import keys

    rows: list[KeyRow] = []
    with opened(config) as kept, kept.database.reading() as session:
        cursor = None
        while True:
            page = keys(session, tenant, limit=_PAGE, cursor=cursor)
            rows += page.rows
            if (cursor := page.next) is None:
                break
    told = [_told(row) for row in rows]
    if as_json:
        print_json({"keys": told})
        return
    for one in told:
        click.echo(f"{one['id']:<18}{one['tenant']:<16}{one['state']:<9}{one['name']}")
        click.echo(f"{'':<18}{', '.join(one['scopes'])}; used {one['used_at'] or 'never'}")
    if not told:
        click.echo("There are no keys: make one with `rag-router key add`.")


@key.command()
@click.argument("id")
@config_option
@as_json
def revoke(id: str, config: Path | None, as_json: bool) -> None:
    """Let the key ID open nothing any more."""
    from rag_router.store.keys import key as key_of
    from rag_router.store.keys import revoke_key

    with opened(config) as kept, kept.database.writing() as session:
        row = key_of(session, None, id)
        revoke_key(row, now=time.time())
        noted(kept, session, "key revoke", tenant=row.tenant, target=row.id)
        told = _told(row)
    if as_json:
        print_json(told)
    else:
        click.echo(f"Key {id} of tenant {told['tenant']} opens nothing any more.")


@key.command()
@click.argument("id")
@click.option(
    "--grace-hours",
    type=click.FloatRange(0),
    default=24.0,
    show_default=True,
    help="For how long the key before goes on.",
)
@config_option
@as_json
def rotate(id: str, grace_hours: float, config: Path | None, as_json: bool) -> None:
    """Make a key in the place of the key ID, which goes on for a while."""
    from rag_router.store.keys import key as key_of
    from rag_router.store.keys import rotate_key

    with opened(config) as kept:
        secret = kept.secret()
        with kept.database.writing() as session:
            row = key_of(session, None, id)
            grace_s = grace_hours * _HOUR_S
            made = rotate_key(session, secret, row, grace_s=grace_s, now=time.time())
            noted(kept, session, "key rotate", tenant=row.tenant, target=f"{id} {made.row.id}")
        _tell(made, kept, as_json)


def _tell(made: NewKey, kept: Resources, as_json: bool) -> None:
    from rag_router.store.keys import user_secret

    signed = made.row.forwards == "signed"
    signs = user_secret(kept.secret(), made.row.id) if signed else None
    if as_json:
        print_json(_told(made.row) | {"key": made.text, "user_secret": signs})
        return
    click.echo(made.text)
    click.echo(f"Key {made.row.id} of tenant {made.row.tenant}. It is not shown again.", err=True)
    if signs is not None:
        click.echo(f"Its sender signs users' names with: {signs}", err=True)


def _told(row: KeyRow) -> dict[str, Any]:
    from rag_router.store.keys import state_of

    return {
        "id": row.id,
        "tenant": row.tenant,
        "name": row.name,
        "scopes": row.scopes,
        "forwards": row.forwards,
        "state": state_of(row, now=time.time()),
        "successor": row.successor,
        "created_at": _at(row.created),
        "expires_at": _at(row.expires),
        "revoked_at": _at(row.revoked),
        "used_at": _at(row.used),
    }


def _at(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
