"""`rag-router index scenarios`: the questions that the passages of an index answer."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_router.cli.libraries import embedder_of, library_of, print_row, showing_progress
from rag_router.cli.options import as_json, config_option, fetch_announced, progress
from rag_router.errors import UsageError
from rag_router.settings import load_settings

if TYPE_CHECKING:
    from rag_router.models.base import CausalModel
    from rag_router.types import Passage

__all__ = ["scenarios"]


@click.command()
@click.argument("name")
@click.option("--generate", is_flag=True, help="Let the generator write them where none are given.")
@click.option("--each", default=3, show_default=True, help="Most questions written a passage.")
@config_option
@as_json
@click.pass_context
def scenarios(
    context: click.Context,
    name: str,
    *,
    generate: bool,
    each: int,
    config: Path | None,
    as_json: bool,
) -> None:
    """Keep the questions that passages of NAME answer, for the retriever `scenario`.

    A document gives them under "questions" in its metadata; --generate writes them for passages
    that have none. Give the command again after documents have changed: questions of a text that
    is not there any more are not used.
    """
    from rag_router.indices.scenarios import given_questions, open_scenarios, write_scenarios

    library = library_of(context)
    embedder = embedder_of(context, library.manifest(name).encoder.name, fetch=False)
    with closing(library.open(name, embedder)) as index:
        passages = {p.id: p for p in index.passages(range(len(index)))}
        questions = given_questions(index, embedder)
    given = sum(map(len, questions.values()))
    if generate:
        before = open_scenarios(library, name, embedder)
        if before is not None:
            with closing(before):
                _keep(questions, passages, before.passages(range(len(before))))
        left = [passage for passage in passages.values() if passage.id not in questions]
        if left:
            _write(questions, left, _model(context, config), each)
    if not questions:
        raise UsageError(
            f"no document of {name!r} says which questions it answers.",
            hint='Give them as "questions" in the metadata, or let them be written: --generate.',
        )
    with showing_progress() as show:
        report = write_scenarios(library, name, questions, passages, embedder, on_progress=show)
    sentence = (
        f"{name}: {report.passages} questions of {len(questions)} passages, {given} of them given."
    )
    row = {"index": name, "given": given, "answered": len(questions), **asdict(report)}
    print_row(row, sentence, as_json)


def _keep(
    questions: dict[str, list[str]], passages: dict[str, Passage], before: list[Passage]
) -> None:
    """Keep what was written before for passages that have not changed."""
    from rag_router.indices.scenarios import is_current, passage_of

    given = frozenset(questions)
    for question in before:
        passage = passages.get(passage_of(question))
        if passage is not None and passage.id not in given and is_current(question, passage):
            questions.setdefault(passage.id, []).append(question.title)


def _write(
    questions: dict[str, list[str]], left: list[Passage], model: CausalModel, each: int
) -> None:
    from rag_router.indices.contents import searchable
    from rag_router.models.questions import write_questions

    bar, move = progress("writing questions")
    with bar:
        texts = [searchable(passage.title, passage.text) for passage in left]
        written = write_questions(model, texts, each=each, on_progress=move)
    questions.update({p.id: said for p, said in zip(left, written, strict=True) if said})


def _model(context: click.Context, config: Path | None) -> CausalModel:
    if load := (context.obj or {}).get("load_model"):
        given: CausalModel = load()
        return given
    from rag_router.assembly import load_expert

    return load_expert(load_settings(config), fetch=fetch_announced).model
