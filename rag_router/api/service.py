"""What all endpoints share: the orchestrator once it is loaded, what is refused, what is kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from rag_router import telemetry
from rag_router.api.batching import Answers, Batcher
from rag_router.api.guards.audit_trail import shown
from rag_router.api.listening import Listening
from rag_router.api.principal import principal_of
from rag_router.api.resources import Resources
from rag_router.artefacts import Artefact, Card
from rag_router.errors import BusyError, OverloadedError, RagRouterError, UnavailableError
from rag_router.orchestrator import roster
from rag_router.settings import LimitSettings, Settings
from rag_router.telemetry import logger
from rag_router.types import Answer

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["Answers", "Served", "Service", "Tenant", "id_of", "tenant_of"]

T = TypeVar("T")
R = TypeVar("R")

_ABROAD: Final = 4
"""How many batches are worked on at once where somebody else's models are waited for."""
_SPARE: Final = 32
"""Requests that are worked on, beside those whose questions wait."""


class Service:
    """One running service.

    Args:
        load: Returns the orchestrator; called once, in a worker thread, by `start`.
        limits: What is refused.
        resources: What is kept; None keeps nothing.
    """

    def __init__(
        self,
        load: Callable[[], Answers],
        limits: LimitSettings,
        resources: Resources | None = None,
    ) -> None:
        self.limits = limits
        self._load = load
        self._resources = resources
        self._worker = None if resources is None else resources.worker(self._embedder)
        self._loading: asyncio.Task[Answers] | None = None
        self._batcher: Batcher | None = None
        self._asked: Counter[Batcher] = Counter()
        self._threads = ThreadPoolExecutor(limits.waiting + _SPARE, thread_name_prefix="request")
        self._waiting, self._most = limits.waiting, limits.waiting + _SPARE
        self.draining = False

    async def start(self) -> None:
        """Begin to load; returns at once, for servers answer nothing before that."""
        self._loading = asyncio.create_task(self._load_in_background())
        if self._worker is not None:
            self._worker.start()

    async def stop(self) -> None:
        """Give up loading, if that still goes on; what is being indexed is finished first."""
        loading, self._loading = self._loading, None
        if loading is not None:
            loading.cancel()
            await asyncio.wait([loading])
        if self._batcher is not None:
            await run_in_threadpool(self._batcher.close)
        self._threads.shutdown(wait=False)
        if self._worker is not None:
            await run_in_threadpool(self._worker.stop)
        if self._resources is not None:
            self._resources.close()

    @property
    def starting(self) -> bool:
        """Whether the models are still being loaded."""
        return self._batcher is None and not (self._loading is not None and self._loading.done())

    @property
    def orchestrator(self) -> Answers:
        """The orchestrator.

        Raises:
            BusyError: the models are still being loaded.
            RagRouterError: whatever loading raised.
        """
        return self.batcher.answers

    @property
    def batcher(self) -> Batcher:
        """Who answers, behind the queue.

        Raises:
            BusyError: the models are still being loaded.
            RagRouterError: whatever loading raised.
        """
        if self._batcher is None:
            if self._loading is not None and self._loading.done():
                self._loading.result()
            raise BusyError("the models are still being loaded.", hint="Try again in a moment.")
        return self._batcher

    @property
    def waiting(self) -> int:
        """How many questions and errands wait."""
        return 0 if self._batcher is None else self._batcher.waiting

    def listen(
        self,
        request: Request,
        work: Callable[[Batcher, Callable[[T], None], Callable[[], bool]], R],
    ) -> Listening[T, R]:
        """Begin work in a thread, and listen to it.

        Args:
            request: On whose behalf.
            work: Called with who answers, what to tell of events, and what to ask whether it is
                still wanted.

        Raises:
            OverloadedError: more is worked on than can be, or the service ends.
            UnavailableError: nobody is there to answer.
        """
        batcher = self.batcher
        self._let_in()
        listening: Listening[T, R] = Listening(
            request,
            lambda tell, cancelled: work(batcher, tell, cancelled),
            threads=self._threads,
        )
        self._asked[batcher] += 1
        listening.ended(lambda: self._left(batcher))
        return listening

    def drain(self) -> None:
        """Take nothing more; what was begun goes on."""
        self.draining = True

    def replace(self, answers: Answers, settings: Settings) -> None:
        """Let somebody else answer from now on; what was begun ends as it was begun.

        Where things are kept, and how many may wait, stays as it is.

        Args:
            answers: Who answers.
            settings: What they were made of.
        """
        before, self._batcher = self._batcher, self._behind_queue(answers)
        self.limits = settings.limits
        if self._resources is not None:
            own = self._resources.settings
            kept = settings.model_copy(update={"home": own.home, "store": own.store})
            self._resources = replace(self._resources, settings=kept)
        if before is not None and not self._asked[before]:
            before.close(wait=False)

    def _let_in(self) -> None:
        if self.draining:
            telemetry.count(telemetry.REFUSED, why="draining")
            raise OverloadedError(
                "the service ends, and takes nothing more.",
                hint="Try again: another one, or the next, will answer.",
                retry_after_s=5.0,
            )
        if self._asked.total() >= self._most:
            telemetry.count(telemetry.REFUSED, why="full")
            raise OverloadedError(
                f"{self._asked.total()} requests are worked on, and no more are taken.",
                hint="Try again after as many seconds as Retry-After says.",
            )

    def _left(self, batcher: Batcher) -> None:
        self._asked[batcher] -= 1
        if not self._asked[batcher]:
            del self._asked[batcher]
            if batcher is not self._batcher:
                batcher.close(wait=False)

    def _behind_queue(self, answers: Answers) -> Batcher:
        abroad = any(one.card.kind == "remote" for one in roster(answers))
        return Batcher(answers, most=self._waiting, threads=_ABROAD if abroad else 1)

    @property
    def keeps(self) -> bool:
        """Whether anything is kept."""
        return self._resources is not None

    @property
    def resources(self) -> Resources:
        """What is kept.

        Raises:
            UnavailableError: nothing is.
        """
        if self._resources is None:
            raise UnavailableError(
                "this service keeps nothing.", hint="Start it with `rag-router serve`."
            )
        return self._resources

    @property
    def trouble(self) -> str:
        """What keeps uploads from being indexed, in words; empty where nothing does."""
        return "" if self._worker is None else self._worker.trouble

    def gate_card(self) -> Card | None:
        """What the gate has learned, where the settings name an artefact of their own.

        Raises:
            ArtefactError: it is broken.
        """
        named = None if self._resources is None else self._resources.settings.gate.options
        folder = (named or {}).get("artefact")
        return None if folder is None else Artefact.load(Path(str(folder)).expanduser()).card

    def index_soon(self) -> None:
        """Say that something was uploaded or is to be removed."""
        if self._worker is not None:
            self._worker.call()

    def told(self, answers: Sequence[Answer], request: Request) -> list[dict[str, Any]]:
        """Return the wire form of answers, each with the id of its trace where one is kept.

        Args:
            answers: What is about to be sent.
            request: Whom it is sent to.
        """
        told = [answer.to_json() for answer in answers]
        if self._resources is None:
            return told
        kept = self._resources.keep(
            principal_of(request),
            told,
            id_of(request),
            since=getattr(request.state, "arrived", None),
        )
        shown(request, self._resources.words_of(kept))
        return kept

    def _embedder(self) -> Embedder:
        embedder = self.orchestrator.embedder
        if embedder is None:
            raise UnavailableError(
                "no embedder is loaded, so that nothing can be indexed.",
                hint="Start the service with `rag-router serve`.",
            )
        return embedder

    async def _load_in_background(self) -> Answers:
        try:
            answers = await run_in_threadpool(self._load)
        except RagRouterError as exc:
            logger.error("loading failed: %s", exc)
            raise
        self._batcher = self._behind_queue(answers)
        return answers


def tenant_of(request: Request) -> str:
    """Whose things a request may see."""
    return principal_of(request).tenant


def id_of(request: Request) -> str:
    """The id of a request, which its response and its line of the log have, too."""
    return str(getattr(request.state, "request_id", ""))


def _service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(_service_of)]
"""The type of an endpoint's argument that is the service."""

Tenant = Annotated[str, Depends(tenant_of)]
"""The type of an endpoint's argument that says whose things it may see."""
