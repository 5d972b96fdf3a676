"""The first stage: read the questions alone, and ask the gate whether the expert knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rag_router.orchestrator.ask import Request
from rag_router.orchestrator.assessing import verdicts_of
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.normalising import Asked
from rag_router.orchestrator.work import Batch, Work
from rag_router.signals import Board, ClosedBookPass, Partners
from rag_router.signals.base import Signal

__all__ = ["begin"]


def begin(
    asked: Sequence[Asked],
    parts: Composition,
    request: Request,
    *,
    first: int = 0,
    board_of: Callable[..., Board] = Board,
    passes: Sequence[Signal[Any]] = (ClosedBookPass(),),
) -> tuple[Batch, list[Work]]:
    """Begin the work on a batch: one closed-book pass for all, and a verdict on each.

    Args:
        asked: Its questions.
        parts: Who does the work.
        request: What was asked for.
        first: Place of the first of them among all that were asked together.
        board_of: Makes the board, as `Board` does.
        passes: What is computed for every question, whatever the gate reads.
    """
    board = board_of(
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
    if request.known is not None:
        for row, considered in enumerate(request.known[first : first + len(asked)]):
            board.take(considered.board, considered.row, row)
    for one_pass in passes:
        board.read(one_pass, range(len(asked)))
    judged = verdicts_of(parts.gate, board)
    work = [
        Work(row, one.question, verdict, list(one.notes))
        for row, (one, (verdict, _)) in enumerate(zip(asked, judged, strict=True))
    ]
    for one, (_, instead) in zip(work, judged, strict=True):
        if instead:
            one.note("gate", instead)
    if not parts.gate.fitted:
        what = f"{parts.gate_name} is not fitted for {parts.expert.name}: p_know is not calibrated"
        for one in work:
            one.note("gate", what)
    return Batch(parts, request, board, first), work
