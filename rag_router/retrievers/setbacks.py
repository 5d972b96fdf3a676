"""What goes wrong while retrievers look, told to whoever asked them.

Hits cannot say what was left out: a member that failed, or a cross-encoder that took too long.
Whoever asks retrievers listens for that with `hearing`; what nobody listens for is in the log
alone. A setback is told of the words that were searched for, so that it stands with their answer
and with no other of the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal

from rag_router import telemetry
from rag_router.errors import CancelledError, DataError, UsageError
from rag_router.retrievers.base import Query, Retriever, Searchable
from rag_router.types import Hit

__all__ = ["OURS", "Setback", "ask_or_leave_out", "hearing", "told"]

OURS: Final = (CancelledError, UsageError, DataError)
"""What is no failure of a part: to be stopped, and to be asked for what makes no sense."""

Rung = Literal["dense", "reranker", "retriever"]


@dataclass(frozen=True, slots=True)
class Setback:
    """Something that was done without.

    Attributes:
        rung: The kind of part that was: search by meaning, a reranker, or a retriever.
        what: Which, and why, in words; no text of a question or a passage.
    """

    rung: Rung
    what: str


Heard = dict[str, list[Setback]]
"""Setbacks by the words that were searched for."""

_hearing: ContextVar[Heard | None] = ContextVar("rag_router_setbacks", default=None)


@contextmanager
def hearing() -> Iterator[Heard]:
    """Hear of every setback of the retrievers that are asked meanwhile."""
    heard: Heard = {}
    before = _hearing.set(heard)
    try:
        yield heard
    finally:
        _hearing.reset(before)


def told(queries: Iterable[Query], rung: Rung, what: str, exc: BaseException | None = None) -> None:
    """Tell what was done without for some queries.

    Args:
        queries: Those that it concerns.
        rung: The kind of part.
        what: Which, and why.
        exc: What was raised; for the log alone, since it may hold the text of a passage.
    """
    telemetry.logger.warning("%s", what, exc_info=exc)
    heard = _hearing.get()
    if heard is None:
        return
    for query in queries:
        some = heard.setdefault(query.text, [])
        if (one := Setback(rung, what)) not in some:
            some.append(one)


def ask_or_leave_out(
    members: Sequence[Retriever], queries: Sequence[Query], indices: Sequence[Searchable]
) -> list[list[list[Hit]]]:
    """Ask several retrievers, and leave out those that fail, which is told.

    Returns:
        What each that did not fail returned.

    Raises:
        Exception: what the last of them raised, where all failed.
    """
    found: list[list[list[Hit]]] = []
    failed: list[tuple[str, Exception]] = []
    for member in members:
        try:
            found.append(member.retrieve(queries, indices))
        except OURS:
            raise
        except Exception as exc:  # noqa: BLE001  # whatever a retriever of anybody's may raise
            failed.append((member.name, exc))
    if not found and failed:
        raise failed[-1][1]
    for name, why in failed:
        rung: Rung = "dense" if name == "dense" else "retriever"
        told(queries, rung, f"{name} was left out: {type(why).__name__}", why)
    return found
