"""`rag-router ask`: one question, its answer, its sources, and one line of why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from rag_router.cli.options import (
    as_json,
    config_option,
    fetch_announced,
    print_json,
    settings_from,
    where_option,
)
from rag_router.text import as_data

if TYPE_CHECKING:
    from rich.console import Console

    from rag_router.types import Answer, Opinion, Retrieval

__all__ = ["ask", "show_answer"]

_SHOWN = 240
"""Characters of a passage that people are shown."""


@click.command()
@click.argument("question")
@config_option
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Look only in this index.")
@where_option
@click.option(
    "--retrieval",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Let the gate decide whether to look things up, or overrule it.",
)
@click.option("--gate", metavar="NAME", help="The self-knowledge gate.")
@click.option(
    "--expert",
    metavar="NAME",
    help="Who answers: an expert of the settings, or a model where they name no experts.",
)
@click.option("--tenant", metavar="NAME", help="Who asks, where experts are limited to tenants.")
@click.option("--decoder", metavar="NAME", help="How memory and passages are weighed.")
@click.option(
    "--reliance",
    type=float,
    metavar="X",
    help="How far memory is relied on where it conflicts with the passages, from 0 to 1; for "
    "decoders that have such a knob.",
)
@click.option("--tokens", is_flag=True, help="Show every token with its figures.")
@as_json
def ask(
    question: str,
    config: Path | None,
    indexes: tuple[str, ...],
    where: tuple[str, ...],
    retrieval: str,
    gate: str | None,
    expert: str | None,
    tenant: str | None,
    decoder: str | None,
    reliance: float | None,
    tokens: bool,
    as_json: bool,
) -> None:
    """Answer QUESTION, and show why.

    Without --index, all indexes are looked in. Models that are not there yet are fetched first,
    after saying so.
    """
    from rag_router.indices.where import Where

    conditions = Where.written(where)
    settings = settings_from(config, indexes=indexes, gate=gate, expert=expert, decoder=decoder)
    from rag_router.assembly import check_reliance
    from rag_router.pooling import load_service

    # Of several experts some may have a decoder that can be asked for it, and some not.
    if not settings.experts:
        check_reliance(settings, reliance)
    service = load_service(settings, fetch=fetch_announced)
    from rag_router.orchestrator import Ask

    wanted = Ask(
        retrieval=cast("Retrieval", retrieval),
        where=conditions or None,
        tokens=tokens,
        reliance=reliance,
        expert=expert if settings.experts else None,
        tenant=tenant,
    )
    answer = service.answer([question], wanted)[0]
    if as_json:
        print_json(answer.to_json())
    else:
        from rich.console import Console

        show_answer(answer, Console(emoji=False))


def show_answer(answer: Answer, console: Console) -> None:
    """Show people an answer: what, from where, why."""
    style = "bold yellow" if answer.abstained else "bold green"
    console.print(f"[{style}]{_plain(answer.message)}[/]")
    cited = {(c.index, c.passage_id): c for c in answer.citations}
    for number, judged in enumerate(answer.evidence.kept, start=1):
        passage = judged.hit.passage
        citation = cited.get((passage.index, passage.id))
        text = passage.text[citation.start : citation.end] if citation else passage.text
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        mark = "cited" if citation else "read"
        title = f"{passage.index}/{passage.title}"
        console.print(f"  [cyan]\\[{number}][/] [bold]{_plain(title)}[/] [dim]({mark})[/]")
        console.print(f"      [italic]{_plain(shown)}[/]")
    console.print(f"[dim]why: {_plain(_why(answer))}[/]")
    if routed := [choice for choice in answer.route.retrievers if choice.why]:
        visited = "; ".join(f"{one.name} {one.weight:.2f} ({one.why})" for one in routed)
        console.print(f"[dim]asked: {_plain(visited)}[/]")
    if answer.route.expert.candidates:
        console.print(f"[dim]experts: {_plain(_ranking(answer))}[/]")
    for one in answer.route.opinions:
        console.print(f"[dim]{_plain(_opinion(one))}[/]")
    if answer.tokens:
        _show_tokens(answer, console)
    for note in answer.degraded:
        console.print(f"[yellow]note: {_plain(note.stage)}: {_plain(note.what)}[/]")
    if answer.hint:
        console.print(f"[yellow]{_plain(answer.hint)}[/]")


def _plain(text: str) -> str:
    """Keep what models and documents say from steering the terminal, or rich."""
    from rich.markup import escape

    return escape(as_data(text))


def _why(answer: Answer) -> str:
    source = {
        "parametric": "from the model's own knowledge",
        "contextual": "from the passages",
        "contrast": "from memory and passages, weighed token by token",
        "disagreement": "from passages that do not agree",
        "no_knowledge": "neither the model nor a passage knows",
        "insufficient": "there was an answer, but not a sure one",
        "conflict": "memory and passages differ, and neither is sure",
        "unverified": "no answer that was tried stands in its passages",
    }[answer.reason]
    looked = "looked up" if answer.knowledge.retrieve else "not looked up"
    if answer.knowledge.retrieve and answer.reason == "parametric":
        looked = "looked up, but no passage helps"
    return (
        f"{source} · {answer.knowledge.reason} ({looked}) · confidence {answer.confidence:.2f}"
        f" · {answer.route.expert.name} · {answer.timings_ms.get('total', 0) / 1000:.1f} s"
    )


def _ranking(answer: Answer) -> str:
    chosen = answer.route.expert
    ranked = "; ".join(f"{one.name} ({one.why})" for one in chosen.candidates)
    return f"{chosen.name} by {chosen.router}, of {ranked}"


def _opinion(one: Opinion) -> str:
    said = one.expert if one.answer is None else f"{one.expert} said: {one.answer}"
    weight = "" if one.weight is None else f" · weight {one.weight:.2f}"
    return f"{said}{weight} · {one.why}"


def _show_tokens(answer: Answer, console: Console) -> None:
    from rich.table import Table

    table = Table("token", "p", "alpha", "H memory", "H passages", "divergence", box=None)
    for token in answer.tokens or ():
        figures = (token.alpha, token.entropy_closed, token.entropy_context, token.divergence)
        shown = ["" if figure is None else f"{figure:.2f}" for figure in figures]
        table.add_row(repr(token.text), f"{2.718281828**token.logprob:.2f}", *shown)
    console.print(table)
