"""`rag-router eval`: nothing is called good without a figure from here."""

from __future__ import annotations

import click

from rag_router.cli.lazy import LazyGroup

__all__ = ["evaluate"]

_COMMANDS = {
    "answers": "rag_router.cli.evaluate.answers:answers",
    "conflict": "rag_router.cli.evaluate.conflict:conflict",
    "filters": "rag_router.cli.evaluate.filters:filters",
    "gates": "rag_router.cli.evaluate.gates:gates",
    "make-conflicts": "rag_router.cli.make_conflicts:make_conflicts",
    "retrieval": "rag_router.cli.eval_retrieval:retrieval",
    "routing": "rag_router.cli.evaluate.routing:routing",
}
_SUMMARIES = {
    "answers": "When to retrieve: never, always, as the gate says, or as an oracle.",
    "conflict": "Whom decoding follows, memory or passages, and whom it harms.",
    "filters": "Which filter drops the noise and keeps the answer.",
    "gates": "Which gate tells best what the model knows.",
    "make-conflicts": "Falsify gold passages by exchanging their answers.",
    "retrieval": "Which retriever finds what is relevant, and how fast.",
    "routing": "Which generator should answer which question.",
}


@click.group(cls=LazyGroup, commands_at=_COMMANDS, summaries=_SUMMARIES)
def evaluate() -> None:
    """Measure on questions with known answers.

    Answers are kept, so that a run which was stopped goes on where it was, and the same run
    again asks no model for anything. With --out, a page, its figures and their data are written.
    """
