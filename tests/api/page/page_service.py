"""A service on loopback that can be ended and started again at the same port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from little_house import SCRIPT, parts, scripted_expert, write_jsonl
from live_service import wait_until_ready

from rag_router.api.app import create_app
from rag_router.api.resources import Resources
from rag_router.assembly import assemble, open_indexes
from rag_router.indices.library import Library
from rag_router.models.remote_keys import Key
from rag_router.models.scripted import Reply
from rag_router.settings import Settings

__all__ = ["HOSTILE", "LONG_LINE", "PAGED", "Running", "house"]

LONG_LINE = "x" * 20_000
HOSTILE = [
    "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'>",
    "[press](javascript:window.harmed=1) javascript:window.harmed=1",
    LONG_LINE,
    "שלום עולם ‮desrever si siht‬ مرحبا بالعالم",
    "</p></div><style>*{display:none}</style><iframe src='//example.org'></iframe>",
]
"""What passages say that mean harm, or are hard to show."""

PAGED = {
    "id": "rules",
    "title": "Rules of the house",
    "text": "The night shift begins at nine. Nobody may whistle in the corridor.",
    "meta": {"page": 12, "last_page": 13},
}
"""A passage from a document that has pages."""

_WORDS = "The moss garden <b onclick='window.harmed=1'>grows</b> \U0001f33f at night"


class Running:
    """A service that runs."""

    def __init__(self, make: Callable[[], FastAPI], *, wait: bool = True) -> None:
        self._make, self.port = make, 0
        self.start(wait=wait)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, wait: bool = True) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._make(), log_level="error", lifespan="on", ws="none", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._listener = listener
        self._thread.start()
        if wait:
            with httpx.Client(base_url=self.url, trust_env=False) as client:
                wait_until_ready(client)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


@contextmanager
def house(folder: Path, *, key: str = "", **sections: Any) -> Iterator[Running]:
    """A service that keeps everything, with a scripted model, and hostile passages among others."""
    settings = Settings(home=folder / "home", store={"traces": "full"}, **sections)
    script = {
        **SCRIPT,
        "window.harmed": Reply(_WORDS, 0.95),
        "shift begins at nine": Reply("nine", 0.9),
    }
    made = parts(folder, expert=scripted_expert(script))
    rows = [
        {"id": f"moss-{n}", "title": f"Moss garden {text[:40]}", "text": f"moss garden grow {text}"}
        for n, text in enumerate(HOSTILE)
    ]
    library = Library(settings.home)
    library.add("moss", [write_jsonl(folder / "moss.jsonl", rows)], made.embedder)
    library.add("rules", [write_jsonl(folder / "rules.jsonl", [PAGED])], made.embedder)
    made = replace(made, indexes=open_indexes(settings, made.embedder))
    running = Running(
        lambda: create_app(
            lambda: assemble(settings, made),
            settings.limits,
            resources=Resources.open(settings),
            key=Key(key) if key else None,
        )
    )
    try:
        yield running
    finally:
        running.stop()
