"""Live services as processes, forked from one that has imported everything, to be ill-treated.

The model is scripted: it says the figure that stands in a passage. Everything else is real: the
store, the indexes, the ingestion worker, the process that reads foreign files, the sockets.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import httpx

NAME = "kept"
_FACT = re.compile(r"Fact (\d+) says k(\d+)\.")
_READY_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Served:
    """A service that runs.

    Attributes:
        pid: Of its process.
        base: Its address, without a slash at its end.
        log: What it wrote on its outputs.
    """

    pid: int
    base: str
    log: Path

    def client(self, *, timeout_s: float = 30.0) -> httpx.Client:
        """A client with some patience, which keeps no connection that may be dead."""
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.base, timeout=timeout_s, trust_env=False, limits=limits)

    def kill(self) -> None:
        """End it without a word."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait_gone()

    def stop(self) -> None:
        """End it in order."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        self.wait_gone()

    def wait_gone(self, seconds: float = 30.0) -> bool:
        """Wait until there is no such process."""
        return until(lambda: not self.alive, seconds)

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    @property
    def ready(self) -> bool:
        try:
            with self.client(timeout_s=5.0) as client:
                return client.get("/health/ready").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


class Stable:
    """A process that has imported everything, and forks services."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.drills.served"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Stable:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def serve(
        self,
        home: Path,
        *,
        ready: bool = True,
        descriptors: int | None = None,
        clock: Path | None = None,
        **settings: Any,
    ) -> Served:
        """Start a service in this home.

        Args:
            home: Of the service.
            ready: Whether to wait until it is.
            descriptors: Most files and sockets it may have open.
            clock: A file with the seconds by which its clock is ahead.
            settings: As a file of settings has them.
        """
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        log = home.parent / f"{home.name}.log"
        told = {
            "settings": {"home": str(home), **settings}
            | {"serve": {"port": port, **settings.get("serve", {})}},
            "log": str(log),
            "descriptors": descriptors,
            "clock": None if clock is None else str(clock),
        }
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(told) + "\n")
        stdin.flush()
        served = Served(pid=int(stdout.readline()), base=f"http://127.0.0.1:{port}", log=log)
        if ready and not until(lambda: served.ready or not served.alive, _READY_S):
            served.kill()
            raise RuntimeError(f"the service never got ready, see {log}")
        return served

    @contextlib.contextmanager
    def serving(self, home: Path, **more: Any) -> Iterator[Served]:
        """The same for a block; it is ended in order behind it."""
        served = self.serve(home, **more)
        try:
            yield served
        finally:
            served.stop()


def until(true: Any, seconds: float, *, every_s: float = 0.05) -> bool:
    """Wait until something is true; returns whether it got so in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(every_s)
    return True


def fact(number: int, version: int = 1) -> str:
    """The text of a document, which tells the model what to say."""
    return f"Fact {number} says k{number * 1000 + version}."


def upload(client: httpx.Client, number: int, text: str | None = None) -> httpx.Response:
    """Upload a fact."""
    body = {"collection": NAME, "name": f"fact-{number}.txt", "text": text or fact(number)}
    return client.post("/v1/documents", json=body)


def ask(client: httpx.Client, number: int, **more: Any) -> httpx.Response:
    """Ask what a fact says."""
    asked = {"question": f"What says fact {number}?", "retrieval": "always", "indexes": [NAME]}
    return client.post("/v1/answer", json=asked | more)


def found(client: httpx.Client, number: int) -> bool:
    """Whether a search for the word that only this fact has finds its text."""
    asked = {"query": f"k{number * 1000 + 1}", "indexes": [NAME]}
    items = client.post("/v1/search", json=asked).raise_for_status().json()["hits"]
    return fact(number) in [one["text"] for one in items]


def documents(client: httpx.Client) -> dict[str, str]:
    """The state of every document by its name."""
    found: dict[str, str] = {}
    query: dict[str, str] = {"limit": "100"}
    while True:
        page = client.get("/v1/documents", params=query).raise_for_status().json()
        found |= {one["name"]: one["state"] for one in page["items"]}
        if not page["next"]:
            return found
        query["cursor"] = page["next"]


def torn(answer: Mapping[str, Any]) -> list[str]:
    """Passages of an answer whose text is not that of their document."""
    wrong = []
    for passage in answer["passages"]:
        found = _FACT.fullmatch(passage["text"])
        number = re.search(r"fact-(\d+)\.txt#0", passage["id"])
        if not (
            found and number and found[1] == number[1] and int(found[2]) // 1000 == int(number[1])
        ):
            wrong.append(f"{passage['id']}: {passage['text']}")
    return wrong


def _main(lines: IO[str]) -> None:
    """Fork a service for every line."""
    from rag_router.api import app, resources, running  # noqa: F401 - imported once for all
    from rag_router.models import scripted_embedder  # noqa: F401
    from rag_router.orchestrator import Orchestrator  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in lines:
        told = json.loads(line)
        if child := os.fork():
            print(child, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        status = 1
        try:
            _serve(told)
            status = 0
        except BaseException as exc:  # noqa: BLE001 - told in its log, like everything else
            print(f"{type(exc).__name__}: {exc}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)


def _serve(told: dict[str, Any]) -> None:
    import resource

    from rag_router.api.app import create_app
    from rag_router.api.resources import Resources
    from rag_router.api.running import run
    from rag_router.assembly import Parts, assemble, open_indexes
    from rag_router.experts import Expert
    from rag_router.models.prompts import PromptStyle
    from rag_router.models.scripted import Reply, ScriptedModel
    from rag_router.models.scripted_embedder import HashingEmbedder
    from rag_router.settings import Settings
    from rag_router.telemetry import log_to_stderr

    with Path(told["log"]).open("ab") as log, Path(os.devnull).open("rb") as nothing:
        for number, file in ((0, nothing), (1, log), (2, log)):
            os.dup2(file.fileno(), number)
    if told["descriptors"]:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (told["descriptors"], hard))
    log_to_stderr()
    settings = Settings.model_validate(told["settings"])
    kept = Resources.open(settings)
    if told["clock"]:
        ahead = Path(told["clock"])
        kept = replace(kept, clock=lambda: time.time() + float(ahead.read_text() or 0))

    def script(prompt: str) -> Reply:
        question = prompt.rsplit("Question: ", 1)[-1]
        wanted = re.search(r"fact (\d+)", question)
        said = dict(_FACT.findall(question))
        number = wanted[1] if wanted else ""
        return Reply(f"k{said[number]}", 0.95) if number in said else Reply("nobody said", 0.1)

    def load() -> Any:
        model, embedder = ScriptedModel(script), HashingEmbedder()
        expert = Expert(name="scripted", model=model, style=PromptStyle.of(model))
        indexes = open_indexes(settings, embedder, tolerant=True)
        return assemble(settings, Parts(expert=expert, embedder=embedder, indexes=indexes))

    app = create_app(load, settings.limits, resources=kept)
    run(app, settings.serve, lambda: (load(), settings))


if __name__ == "__main__":
    _main(sys.stdin)
