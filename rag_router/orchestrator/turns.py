"""Taking turns, and giving up one's place where nobody waits for the answer any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from rag_router.errors import CancelledError

__all__ = ["stop_if", "turn", "turns"]

_LOOK_S: Final = 0.05
"""How often who waits looks whether it is still wanted."""


@contextmanager
def turn(lock: threading.Lock, cancelled: Callable[[], bool] | None) -> Iterator[None]:
    """Hold a lock for the block, unless it is cancelled before its turn comes.

    Args:
        lock: Held by one at a time.
        cancelled: Asked while it waits; None waits as long as it takes.

    Raises:
        CancelledError: `cancelled` said so.
    """
    stop_if(cancelled)
    while not lock.acquire(timeout=-1 if cancelled is None else _LOOK_S):
        stop_if(cancelled)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def turns(locks: Iterable[threading.Lock], cancelled: Callable[[], bool] | None) -> Iterator[None]:
    """Hold several locks for the block, each once, unless it is cancelled before.

    Raises:
        CancelledError: `cancelled` said so.
    """
    distinct = {id(lock): lock for lock in locks}
    with ExitStack() as stack:
        # In an order that is the same for whoever wants some of them at once.
        for _, lock in sorted(distinct.items(), key=lambda pair: pair[0]):
            stack.enter_context(turn(lock, cancelled))
        yield


def stop_if(cancelled: Callable[[], bool] | None) -> None:
    """Go on, unless it was cancelled.

    Raises:
        CancelledError: `cancelled` said so.
    """
    if cancelled is not None and cancelled():
        raise CancelledError("answering was cancelled.")
