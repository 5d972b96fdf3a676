"""Hearing, on the event loop, of what happens in a worker thread.

Models compute in threads, and tell while they do. Whoever listens is told in the order in which
things happened, is told nothing as a sign of life where nothing happens for a while, and when
it goes away, the work is cancelled.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import Any, Final, Generic, TypeVar

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from rag_router.errors import CancelledError

__all__ = ["KEEP_ALIVE_S", "Listening"]

T = TypeVar("T")
R = TypeVar("R")

KEEP_ALIVE_S: Final = 10.0
"""Most seconds without a sign of life; frontends and proxies give up after 15 and more."""
_LOOK_S: Final = 0.25
"""How often it is looked whether anybody still listens."""
_END: Final[Any] = object()

_working: set[asyncio.Task[Any]] = set()
"""Work that is going on: the event loop by itself holds on to no task."""


class Listening(Generic[T, R]):
    """Work in a worker thread, and what is told of it.

    Args:
        request: On whose behalf; once its client has gone, the work is cancelled.
        work: Called with what to tell of events, and what to ask whether it is still wanted.
        threads: Whose threads work; None takes those of the framework, of which there are few.
        keep_alive_s: Most seconds between two signs of life, > 0.
    """

    def __init__(
        self,
        request: Request,
        work: Callable[[Callable[[T], None], Callable[[], bool]], R],
        *,
        threads: Executor | None = None,
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self._request, self._keep_alive_s = request, keep_alive_s
        self._queue: asyncio.Queue[T] = asyncio.Queue()
        self._stopped = threading.Event()
        self._ahead: list[T | None] = []
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._begin(work, threads))
        _working.add(self._task)
        self._task.add_done_callback(_ended)

    def ended(self, then: Callable[[], None]) -> None:
        """Have something called, on the event loop, once the work has ended."""
        self._task.add_done_callback(lambda _: then())

    async def begun(self, within_s: float = 1.0) -> None:
        """Wait for the first event, which tells that the work makes sense.

        Args:
            within_s: No longer than this, > 0: who waits for a thread is told so by silence.

        Raises:
            RagRouterError: whatever went wrong before anything was told.
        """
        try:
            first = await asyncio.wait_for(self._queue.get(), within_s)
        except TimeoutError:
            return
        if first is _END:
            await self._task
        self._ahead.append(first)

    async def events(self) -> AsyncIterator[T | None]:
        """Tell what happens; None is a sign of life.

        Raises:
            RagRouterError: whatever the work raised, after everything it told.
        """
        quiet_s = 0.0
        try:
            while True:
                if self._ahead:
                    item = self._ahead.pop(0)
                else:
                    try:
                        item = await asyncio.wait_for(self._queue.get(), _LOOK_S)
                    except TimeoutError:
                        if await self._request.is_disconnected():
                            return
                        quiet_s += _LOOK_S
                        if quiet_s >= self._keep_alive_s:
                            quiet_s = 0.0
                            yield None
                        continue
                if item is _END:
                    await self._task
                    return
                quiet_s = 0.0
                yield item
        finally:
            self._stopped.set()

    async def result(self) -> R:
        """Wait for the work, and return what it returned.

        Raises:
            CancelledError: the client has gone.
            RagRouterError: whatever the work raised.
        """
        if not self._task.done():
            async for _ in self.events():
                pass
        if not self._task.done():
            raise CancelledError("the client has gone.")
        return self._task.result()

    async def _begin(
        self, work: Callable[[Callable[[T], None], Callable[[], bool]], R], threads: Executor | None
    ) -> R:
        if threads is None:
            return await run_in_threadpool(self._run, work)
        # As the framework's threads do, they know whose request they work on.
        context = contextvars.copy_context()
        return await self._loop.run_in_executor(threads, context.run, self._run, work)

    def _run(self, work: Callable[[Callable[[T], None], Callable[[], bool]], R]) -> R:
        try:
            return work(self._tell, self._stopped.is_set)
        finally:
            self._tell(_END)

    def _tell(self, item: T) -> None:
        # A loop that was closed has nobody left to tell.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)


def _ended(task: asyncio.Task[Any]) -> None:
    _working.discard(task)
    if not task.cancelled():
        # Looked at, so that nothing is said of errors that nobody waits for any more.
        task.exception()
