"""`rag-router gate`: list, fit and show self-knowledge gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from rag_router.cli.fitting import show_artefact
from rag_router.cli.gate_fit import fit
from rag_router.cli.options import as_json, print_json

__all__ = ["gate"]

_WIDTH = 50
"""Characters that stand for certainty."""

_WANTED: Final = {
    "hidden_states": "the model's hidden states",
    "logits": "the model's probabilities",
    "router_activations": "a mixture of experts",
    "streams": "a model that decodes several streams",
    "embedder": "an embedder",
    "indexes": "indexes to look in",
    "proxy": "a small proxy model",
}
"""What gates ask for, in words."""

_TEACHERS: Final = {
    "answers": "answers that were right or wrong",
    "marks": "marks on the questions",
}
"""What gates learn from, in words."""


@click.group()
def gate() -> None:
    """List, fit and show gates: does the model know the answer by itself?"""


@gate.command("list")
@as_json
def list_gates(as_json: bool) -> None:
    """Show all gates: what each reads, needs, costs and learns from, and whom it is fitted for.

    Nothing extra is what the closed-book pass and its answer tell.
    """
    gates = _gates()
    if as_json:
        print_json(gates)
        return
    for name, about in gates.items():
        click.echo(f"{name:<28}{about['summary']}")
        lines = {
            "also called": about["also"],
            "reads": about["needs"] or ["nothing"],
            "needs": [_WANTED[one] for one in (*about["abilities"], *about["partners"])],
            "costs extra": about["dear"] or ["nothing"],
            "learns from": [_TEACHERS[one] for one in [about["learns_from"]] if one],
            "fitted for": about["fitted_for"],
        }
        for what, said in lines.items():
            if said:
                click.echo(f"{'':<28}{what:<13}{', '.join(said)}")


def _gates() -> dict[str, dict[str, Any]]:
    """Describe every gate: what `components` says of it, and what concerns gates alone."""
    from rag_router.cli.components import described
    from rag_router.fitted import fitted_for
    from rag_router.gates import GATES, FittedGate, MarkedGate, signals_of
    from rag_router.signals import is_dear, requirements

    found: dict[str, dict[str, Any]] = {}
    for name, about in described()["gate"].items():
        built = GATES.build(name)
        signals = signals_of(built)
        wanted = requirements(signals)
        teacher = None
        if isinstance(built, FittedGate):
            teacher = "marks" if isinstance(built, MarkedGate) else "answers"
        found[name] = {
            **about,
            "also": sorted(other for other, own in GATES.aliases.items() if own == name),
            "needs": list(dict.fromkeys(signal.name for signal in signals)),
            "dear": list(dict.fromkeys(signal.name for signal in signals if is_dear(signal))),
            "abilities": sorted(wanted.abilities),
            "partners": sorted(wanted.partners),
            "learns_from": teacher,
            "fitted_for": fitted_for("gate", name),
        }
    return found


gate.add_command(fit)


@gate.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@as_json
def show(folder: Path, as_json: bool) -> None:
    """Show the card of a fitted gate, and how often it was right, by how sure it was."""
    show_artefact(folder, as_json=as_json)
    if not as_json:
        _show_reliability(folder)


def _show_reliability(folder: Path) -> None:
    """Draw a reliability diagram: for each tenth of the held-out questions, said and seen."""
    from rag_router.artefacts import Artefact

    bins = Artefact.load(folder).card.notes.get("reliability", ())
    if not bins:
        return
    click.echo("\nheld-out questions, a tenth each: p_know said (|) and share right (=)")
    for said, seen, count in bins:
        bar = list("=" * round(_WIDTH * seen) + " " * (_WIDTH - round(_WIDTH * seen) + 1))
        bar[round(_WIDTH * said)] = "|"
        click.echo(f"{said:6.3f} {seen:6.3f} {''.join(bar)} {count}")
