"""A real server on loopback, with a scripted model behind it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from rag_router.api.app import create_app
from rag_router.orchestrator import Orchestrator
from rag_router.settings import OpenAISettings

__all__ = ["served", "serving", "wait_until_ready"]


@contextmanager
def serving(
    load: Callable[[], Orchestrator], speaks: OpenAISettings | None = None
) -> Iterator[str]:
    """Serve an orchestrator; yields the address of the service, without a slash at its end."""
    with served(create_app(load, speaks=speaks)) as base:
        yield base


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application; yields its address, without a slash at its end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="warning", lifespan="on", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            with httpx.Client(base_url=base, trust_env=False) as client:
                wait_until_ready(client)
            yield base
        finally:
            server.should_exit = True
            thread.join()


def wait_until_ready(client: httpx.Client) -> None:
    """Ask until models and indexes are there."""
    for _ in range(10_000):
        try:
            if client.get("/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            continue
    raise AssertionError("it never got ready")
