"""One window ahead: judged by the gate, and looked up while the window before it is answered.

The gate takes the generator and has its say first. What it sends is looked up in a thread, which
takes the embedder, the indexes and another core, or waits for a store on another machine. No more
than one window is ahead, so that what was read is held for two windows and never for more.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from rag_router.batch.items import Item
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.orchestrator.pieces import Pieces
from rag_router.orchestrator.windows import Window
from rag_router.types import Answer, Question

__all__ = ["Ahead", "Begun", "Taken"]


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A window that has been begun, and is being looked up."""

    service: Orchestrator
    window: Window
    looking: Future[None]

    def answers(self) -> list[Answer]:
        """Answer it, once it is looked up; what went wrong there is raised here."""
        self.looking.result()
        return self.service.end_window(self.window)


@dataclass(slots=True, eq=False)
class Taken:
    """Lines that are answered together.

    Attributes:
        items: In their order.
        asked: Those that are questions, in the order in which they are asked.
        begun: Where they have been begun.
    """

    items: Sequence[Item]
    asked: Sequence[Item]
    begun: Begun | None = None

    def drop(self) -> None:
        """Let go of what was begun; what is being looked up is waited for."""
        if self.begun is not None and not self.begun.looking.cancel():
            self.begun.looking.exception()
        self.begun = None


class Ahead:
    """Begins windows for an orchestrator; leave it as a context, which ends its thread."""

    def __init__(self) -> None:
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="looking-up")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def begin(
        self, service: Orchestrator, questions: Sequence[Question], pieces: Pieces, ask: Ask
    ) -> Begun:
        """Let the gate judge questions now, and look them up from now on.

        Raises:
            RagRouterError: they cannot be begun; whoever asks for them one by one will hear why.
        """
        window = service.begin_window(questions, pieces, ask)
        # Spans of what is looked up belong to whatever is going on here.
        looking = self._thread.submit(copy_context().run, window.look_up)
        return Begun(service, window, looking)
