"""Running a service until it is told to end, and renewing it when its settings change.

SIGTERM ends it in order: it says that it is not ready, takes nothing more, and lets what was
begun end. SIGHUP reads the settings again: models are loaded beside those that answer, take
their place, and whatever was begun ends as it was begun. Where the new settings are wrong, or
something is not to be had, all stays as it is, and the log says why.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from rag_router.api.connections import ACCEPTED_AT_ONCE, patient_protocol
from rag_router.api.service import Answers, Service
from rag_router.errors import RagRouterError
from rag_router.settings import ServeSettings, Settings
from rag_router.telemetry import logger

__all__ = ["reload", "run"]


def run(
    app: FastAPI, listens: ServeSettings, renew: Callable[[], tuple[Answers, Settings]]
) -> None:
    """Serve an app; returns once it has ended.

    Args:
        app: Made by `create_app`.
        listens: Where, and how long it may take to end.
        renew: Reads the settings again, and loads what they name.
    """
    config = uvicorn.Config(
        app,
        host=listens.host,
        port=listens.port,
        log_level="info",
        http=patient_protocol(listens),
        # So many are accepted at once, before any of them can be told that there are too many.
        backlog=ACCEPTED_AT_ONCE,
        # Requests are logged by their ids, and without what stands in a query.
        access_log=False,
        timeout_graceful_shutdown=listens.finish_seconds,
    )
    server = _Server(config, app.state.service, listens.drain_seconds)
    turn = threading.Lock()

    def on_hangup(number: int, frame: FrameType | None) -> None:
        del number, frame
        threading.Thread(target=_one_by_one, daemon=True).start()

    def _one_by_one() -> None:
        with turn:
            reload(app, renew)

    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, on_hangup)
    server.run()


def reload(app: FastAPI, renew: Callable[[], tuple[Answers, Settings]]) -> bool:
    """Let a service go on with new settings; returns whether it does."""
    service: Service = app.state.service
    try:
        answers, settings = renew()
    except RagRouterError as exc:
        logger.error("settings were not reloaded: %s", exc)
        return False
    service.replace(answers, settings)
    app.state.openai = settings.openai
    app.state.guards.renew(settings)
    logger.info("settings were reloaded.")
    return True


class _Server(uvicorn.Server):
    """A server that says that it ends before it does."""

    def __init__(self, config: uvicorn.Config, service: Service, drain_s: float) -> None:
        super().__init__(config)
        self._service, self._drain_s = service, drain_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self._service.draining:
            super().handle_exit(sig, frame)
            return
        self._service.drain()
        logger.info("told to end: nothing more is taken.")
        # Whoever balances the load has this long to find out.
        ending = threading.Timer(self._drain_s, super().handle_exit, (sig, frame))
        ending.daemon = True
        ending.start()
