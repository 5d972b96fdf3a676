"""`rag-router route`: fit and show routers, and train query adapters."""

from __future__ import annotations

from pathlib import Path

import click

from rag_router.cli.fitting import show_artefact
from rag_router.cli.options import as_json
from rag_router.cli.route_expert import fit_expert
from rag_router.cli.route_fit import add, fit, remove
from rag_router.cli.route_generators import fit_generators

__all__ = ["route"]


@click.group()
def route() -> None:
    """Fit and show routers: which corpus holds the answer, and which generator knows it?"""


route.add_command(fit)
route.add_command(add)
route.add_command(remove)
route.add_command(fit_expert)
route.add_command(fit_generators)


@route.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@as_json
def show(folder: Path, as_json: bool) -> None:
    """Show the card of a fitted router or of a query adapter."""
    show_artefact(folder, as_json=as_json)
