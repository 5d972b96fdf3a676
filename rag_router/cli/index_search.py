"""`rag-router index search`: what a retriever finds, and why: terms, similarity, who found it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from rag_router.cli.libraries import embedder_of, library_of
from rag_router.cli.options import as_json, config_option, print_json, where_option
from rag_router.settings import Component, load_settings
from rag_router.text import as_data
from rag_router.types import Hit

__all__ = ["search"]


@click.command()
@click.argument("name")
@click.argument("query")
@click.option("-k", "k", default=8, show_default=True, help="Most passages to show.")
@click.option("--retriever", default="fused", show_default=True, help="What searches.")
@where_option
@config_option
@as_json
@click.pass_context
def search(
    context: click.Context,
    name: str,
    query: str,
    *,
    k: int,
    retriever: str,
    where: tuple[str, ...],
    config: Path | None,
    as_json: bool,
) -> None:
    """Show the passages that a retriever finds for QUERY, and why it found them.

    Options of the retriever are those of the settings, where these name the same one.
    """
    from rag_router.assembly import load_retriever
    from rag_router.indices.scenarios import open_scenarios
    from rag_router.indices.where import Where
    from rag_router.retrievers import RETRIEVERS, make_queries
    from rag_router.retrievers.equipment import lacking

    library = library_of(context)
    conditions = Where.written(where)
    usual = load_settings(config).retriever
    options = {**(usual.options if usual.name == retriever else {}), "k": k}
    RETRIEVERS.build(retriever, **options)  # a misspelt name should not cost loading a model
    embedder = embedder_of(context, library.manifest(name).encoder.name, fetch=False)
    with closing(library.open(name, embedder)) as opened:
        opened.scenarios = open_scenarios(library, name, embedder)
        searched = opened.where(conditions) if conditions else opened
        built = load_retriever(Component(name=retriever, **options), embedder, [searched])
        hits = built.retrieve(make_queries([query], embedder), [searched])[0]
    lacks = lacking(built)
    if as_json:
        rows = [_row(hit, query) for hit in hits]
        found = {"index": name, "query": query, "retriever": retriever, "hits": rows}
        print_json(found | ({"degraded": lacks} if lacks else {}))
        return
    for what in lacks:
        click.echo(what, err=True)
    for hit in hits:
        _show(hit, query)
    if not hits:
        click.echo("Nothing found.", err=True)


def _show(hit: Hit, query: str) -> None:
    # Documents come from outside: what they hold must not steer the terminal.
    passage = hit.passage
    page = _page(hit)
    where = f"[{as_data(passage.id)}]" + (f", {page}" if page else "")
    click.echo(f"{hit.rank}. {as_data(passage.title)} {where}")
    click.echo(f"   {as_data(passage.text)}")
    terms = ", ".join(as_data(term) for term in _shared(query, hit)) or "no word"
    near = "" if hit.similarity is None else f"; similarity {hit.similarity:.3f}"
    click.echo(f"   score {hit.score:.4f}; shares {terms}{near}")
    who = ", ".join(
        f"{found.retriever} (rank {found.rank}, score {found.score:.4f})" for found in hit.found_by
    )
    by = f"{hit.retriever}, by {who}" if who else f"{hit.retriever}: {hit.why}"
    click.echo(f"   found in {as_data(passage.index)} by {as_data(by)}")


def _row(hit: Hit, query: str) -> dict[str, Any]:
    passage = hit.passage
    return {
        "id": passage.id,
        "index": passage.index,
        "title": passage.title,
        "text": passage.text,
        "document_id": passage.document_id,
        "start": passage.start,
        "meta": dict(passage.meta),
        "retriever": hit.retriever,
        "score": round(hit.score, 6),
        "rank": hit.rank,
        "similarity": None if hit.similarity is None else round(hit.similarity, 6),
        "terms": _shared(query, hit),
        "found_by": [
            {"retriever": found.retriever, "rank": found.rank, "score": round(found.score, 6)}
            for found in hit.found_by
        ],
        "why": hit.why,
    }


def _shared(query: str, hit: Hit) -> list[str]:
    """Words of the query that the passage holds, in its order, whoever found it."""
    from rag_router.indices.contents import searchable
    from rag_router.indices.terms import stems_of, terms_of, words_of

    held = frozenset(terms_of(searchable(hit.passage.title, hit.passage.text)))
    words: Sequence[str] = words_of(query)
    pairs = zip(words, stems_of(words), strict=True)
    return list(dict.fromkeys(word for word, stem in pairs if stem in held))


def _page(hit: Hit) -> str:
    first, last = hit.passage.meta.get("page"), hit.passage.meta.get("last_page")
    if first is None:
        return ""
    return f"page {first}" if last is None else f"pages {first}-{last}"
