"""`rag-router components`: every component there is, with what it does and what it rests on."""

from __future__ import annotations

import re
from importlib import import_module

import click

from rag_router.cli.options import as_json, print_json

__all__ = ["components", "described"]

# A bracket that ends the sentence around it is none of the name, one of a pair is.
_SOURCE = re.compile(r"(arXiv \d{4}\.\d{4,5}|doi (?:\([^()\s]*\)|[^(),;\s])+)")


@click.command()
@as_json
def components(as_json: bool) -> None:
    """List gates, filters, retrievers, routers and decoders."""
    found = described()
    if as_json:
        print_json(found)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("kind", "name", "what it does", "source", "extra cost", box=None)
    for kind, members in found.items():
        for name, about in members.items():
            table.add_row(kind, name, about["summary"], about["source"], about["cost"])
    Console().print(table)


def described() -> dict[str, dict[str, dict[str, str]]]:
    """Return kind -> name -> summary, source and cost, read off the code itself."""
    from rag_router.assembly import REGISTRIES

    return {
        kind: {
            name: {
                "summary": registry.summary(name),
                "source": _source(registry.entries[name]),
                "cost": _cost(registry.get(name)),
            }
            for name in registry
        }
        for kind, registry in sorted(REGISTRIES.items())
    }


def _source(entry: str) -> str:
    text = import_module(entry.partition(":")[0]).__doc__ or ""
    found = _SOURCE.findall(text)
    return ", ".join(dict.fromkeys(found))


def _cost(cls: type) -> str:
    """Say what a component costs beyond the closed-book pass."""
    component = cls()
    if hasattr(component, "needs"):
        from rag_router.gates import signals_of

        # Routers among experts name what they read; gates hold the signals themselves.
        read = (str(getattr(one, "name", one)) for one in signals_of(component))
        # What is named in a set has no order of its own.
        unordered = isinstance(component.needs, frozenset)
        names = sorted(read) if unordered else list(dict.fromkeys(read))
        return "reads " + ", ".join(names) if names else "nothing"
    if hasattr(component, "streams"):
        return f"{len(component.streams)} stream(s)"
    if hasattr(component, "calls"):
        return f"{component.calls} search(es) per index"
    return str(getattr(component, "asks", "")) or "nothing"
