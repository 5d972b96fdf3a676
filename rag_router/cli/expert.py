"""`rag-router expert`: the experts that answer, and how one is made."""

from __future__ import annotations

import click

from rag_router.cli.expert_fit import fit
from rag_router.cli.expert_list import list_experts, show

__all__ = ["expert"]


@click.group()
def expert() -> None:
    """List and show experts, and train adapters that make a local model one of a field."""


for _command in (fit, list_experts, show):
    expert.add_command(_command)
