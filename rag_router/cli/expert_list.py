"""`rag-router expert list` and `show`: who answers, what each can do, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.options import as_json, config_option, print_json, settings_from
from rag_router.errors import UnknownNameError

if TYPE_CHECKING:
    from rag_router.settings import Settings

__all__ = ["list_experts", "show"]


@click.command("list")
@config_option
@as_json
def list_experts(config: Path | None, as_json: bool) -> None:
    """Show the experts of the settings: what each can do, and what it costs.

    Nothing is loaded: experts are when they are first asked. Without experts in the settings, the
    one that is shown is their generator.
    """
    experts = _experts(settings_from(config))
    if as_json:
        print_json({"experts": experts})
        return
    for one in experts:
        click.echo(f"{one['name']:<24}{one['about'] if 'about' in one else one['model']}")
        lines = {
            "is": f"{one['kind']}, {one['model']}",
            "weights": f"{one['parameters'] / 1e6:,.0f} million" if "parameters" in one else "",
            "shows": ", ".join(one["abilities"]) or "its words alone",
            "price": f"{one['price_prompt']:g} read, {one['price_completion']:g} written",
            "open to": ", ".join(one["tenants"]) if "tenants" in one else "everybody",
            "state": f"{one['state']}: {one['why']}" if "why" in one else one["state"],
        }
        for what, said in lines.items():
            if said:
                click.echo(f"{'':<24}{what:<9}{said}")


@click.command()
@click.argument("name")
@config_option
@as_json
def show(name: str, config: Path | None, as_json: bool) -> None:
    """Show all that is known of the expert NAME before it is loaded."""
    experts = {one["name"]: one for one in _experts(settings_from(config))}
    if name not in experts:
        raise UnknownNameError("expert", name, experts)
    found = experts[name]
    if as_json:
        print_json(found)
        return
    for key, value in found.items():
        said = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{key.replace('_', ' '):<20}{said}")


def _experts(settings: Settings) -> list[dict[str, Any]]:
    """Describe each expert, and tell whether its files are here."""
    from rag_router.experts.describing import missing
    from rag_router.pooling import cards, experts_of

    found = []
    for one, card in zip(experts_of(settings), cards(settings), strict=True):
        lacking = missing(one)
        state = {"state": "missing", "why": lacking} if lacking else {"state": "not loaded"}
        found.append({**card.to_json(), **state})
    return found
