"""`rag-router index share`: an index that all tenants of the service may look in."""

from __future__ import annotations

from pathlib import Path

import click

from rag_router.cli.kept import noted, opened
from rag_router.cli.libraries import print_row
from rag_router.cli.options import as_json, config_option

__all__ = ["share"]


@click.command()
@click.argument("name")
@click.option("--off", is_flag=True, help="No longer: only the default tenant may.")
@config_option
@as_json
def share(name: str, off: bool, config: Path | None, as_json: bool) -> None:
    """Let all tenants of the service look in the index NAME, which none of them can change."""
    from rag_router.store.naming import DEFAULT_TENANT

    with opened(config) as kept:
        from rag_router.store.collections import collection, share_collection

        kept.adopt()
        with kept.database.writing() as session:
            row = collection(session, DEFAULT_TENANT, name)
            share_collection(row, not off)
            action = "index unshare" if off else "index share"
            noted(kept, session, action, tenant=DEFAULT_TENANT, target=row.name)
    told = "is the default tenant's alone" if off else "is shared with all tenants"
    print_row({"name": name, "shared": not off}, f"{name} {told}.", as_json)
