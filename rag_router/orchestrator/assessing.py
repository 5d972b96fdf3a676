"""What the gate says of each question, and what is done where it fails: it is looked up.

A gate that raises, or whose signals cannot be computed, tells nothing of what the model knows.
Looking a question up that need not have been costs time; not looking up one that should have been
costs the answer. What is asked for and makes no sense, and an endpoint that does not answer, are
no failures of a gate: somebody else hears of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rag_router import telemetry
from rag_router.errors import RemoteError
from rag_router.gates import Gate, assess
from rag_router.retrievers.setbacks import OURS
from rag_router.signals import Board
from rag_router.types import Verdict

__all__ = ["verdicts_of"]

_OURS: Final = (*OURS, RemoteError)
_UNKNOWN: Final = 0.5
"""A probability of which nothing is known."""


def verdicts_of(gate: Gate, board: Board) -> list[tuple[Verdict, str]]:
    """Let a gate judge a batch.

    Returns:
        For each question the verdict, and in words what stood in for the gate; empty where
        nothing had to.
    """
    return _judged(gate, board, range(len(board.questions)))


def _judged(gate: Gate, board: Board, rows: Sequence[int]) -> list[tuple[Verdict, str]]:
    try:
        return [(verdict, "") for verdict in assess(gate, board, rows)]
    except _OURS:
        raise
    except Exception as exc:  # noqa: BLE001  # whatever a gate of anybody's may raise
        if len(rows) > 1:
            # One question that it fails at takes no other along.
            return [one for row in rows for one in _judged(gate, board, [row])]
        # What an exception says may hold the text of a question, and is for the log alone.
        telemetry.logger.warning("the gate failed", exc_info=exc)
        telemetry.count(telemetry.FALLBACKS, rung="gate")
        why = f"the gate failed ({type(exc).__name__}): it is looked up"
        return [(Verdict(p_know=_UNKNOWN, retrieve=True, reason=why), why)]
