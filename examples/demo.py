"""The tour that `make demo` runs: index the example corpora, answer real questions, show why.

    python examples/demo.py --home .demo [--all]

Nothing here is scripted: the answers come from the models, and a wrong one is shown as wrong.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rag_router.assembly import assemble, load_embedder, load_parts
from rag_router.eval.datasets import read_questions
from rag_router.eval.decisions import expected_decision, made_decision, was_right
from rag_router.indices.library import Library
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.settings import Settings
from rag_router.types import Answer, Question

HERE = Path(__file__).parent
INDEXES = {
    "fields": ["solar_system.jsonl", "rivers_and_cities.jsonl", "computing_history.jsonl"],
    "handbook": ["handbook"],
    "contrary": ["contrary.jsonl"],
}


@click.command()
@click.option("--home", type=click.Path(path_type=Path), default=Path(".demo"))
@click.option("--all", "every", is_flag=True, help="Ask all questions, not the twelve of the tour.")
def main(home: Path, every: bool) -> None:
    """Index, ask, show."""
    console = Console()
    began = time.perf_counter()
    settings = Settings(home=home)
    embedder = load_embedder(settings)
    library = Library(home)
    for name, files in INDEXES.items():
        report = library.add(name, [HERE / "corpora" / file for file in files], embedder)
        console.print(f"index [bold]{name}[/]: {report.passages} passages ({report.added} added)")
    orchestrator = assemble(settings, load_parts(settings))
    questions = read_questions([HERE / "questions.jsonl"])
    shown = questions if every else [q for q in questions if q.meta.get("tour")]
    table = Table(
        "question",
        "answer",
        "decision",
        "source",
        "sure",
        "right?",
        title="rag_router",
        expand=True,
    )
    right = 0
    for question, answer in zip(shown, answers_to(orchestrator, shown), strict=True):
        good = was_right(question, answer)
        right += good
        cited = {(c.index, c.passage_id) for c in answer.citations}
        source = next(
            (
                f"{j.hit.passage.index}: {j.hit.passage.title}"
                for j in answer.evidence.kept
                if (j.hit.passage.index, j.hit.passage.id) in cited
            ),
            "",
        )
        table.add_row(
            escape(question.text),
            escape(answer.message),
            made_decision(answer),
            escape(source),
            f"{answer.confidence:.2f}",
            "[green]yes[/]" if good else "[red]no[/]",
        )
    console.print(table)
    spent = time.perf_counter() - began
    console.print(f"{right} of {len(shown)} right, {spent:.0f} s in all")
    console.print(
        "Ask your own: [bold]RAG_ROUTER_HOME=.demo .venv/bin/rag-router ask "
        '"How often is the Larkspur valve calibrated?"[/]'
    )


def answers_to(orchestrator: Orchestrator, questions: Sequence[Question]) -> list[Answer]:
    """Answer each question from the indexes that it is about.

    Conflicts are asked of the index that contradicts common knowledge, the rest of the others.
    """
    found: dict[str, Answer] = {}
    for indexes, conflict in ((("contrary",), True), (("fields", "handbook"), False)):
        some = [q for q in questions if (expected_decision(q) == "conflict") is conflict]
        answers = orchestrator.answer(some, Ask(indexes=indexes))
        found.update((answer.id, answer) for answer in answers)
    return [found[question.id] for question in questions]


if __name__ == "__main__":
    main()
