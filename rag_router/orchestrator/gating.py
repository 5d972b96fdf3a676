"""The first stage: read the questions alone, and ask the gate whether the expert knows."""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.gates import assess
from rag_router.orchestrator.ask import Request
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.normalising import Asked
from rag_router.orchestrator.work import Batch, Work
from rag_router.signals import Board, ClosedBookPass, Partners

__all__ = ["begin"]


def begin(asked: Sequence[Asked], parts: Composition, request: Request) -> tuple[Batch, list[Work]]:
    """Begin the work on a batch: one closed-book pass for all, and a verdict on each."""
    board = Board(
        parts.expert.model,
        parts.expert.style,
        [one.question for one in asked],
        batch_size=parts.batch_size,
        partners=Partners(
            proxy=None if parts.proxy is None else (parts.proxy.model, parts.proxy.style),
            embedder=parts.embedder,
            indexes=tuple(request.indices.values()),
        ),
        seed=parts.seed,
        cancelled=request.ask.cancelled,
        deadline=request.deadline.passed,
    )
    board.read(ClosedBookPass(), range(len(asked)))
    verdicts = assess(parts.gate, board)
    work = [
        Work(row, one.question, verdict, list(one.notes))
        for row, (one, verdict) in enumerate(zip(asked, verdicts, strict=True))
    ]
    if not parts.gate.fitted:
        what = f"{parts.gate_name} is not fitted for {parts.expert.name}: p_know is not calibrated"
        for one in work:
            one.note("gate", what)
    return Batch(parts, request, board), work
