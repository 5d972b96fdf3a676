"""What does the service cost, how many does it bear, and how soon is it there?

    python -m benchmarks.service [--only overhead,load,stream,concurrency,start] [--limit N]
        [--seconds S] [--generator NAME]

The server is a process of its own. Three of the figures are of a scripted model, which answers at
once, so that what is left is the service itself:

* overhead: time of a request minus that of the same question put to the orchestrator directly;
* load: 200 connections that ask without a pause, for a minute; what else than 429 or 503 goes
  wrong, and by how much the memory grows from the first third of it to the end;
* stream: until the first stage is told, until the first sign of life of a model that says nothing,
  and until the models are listed.

Two are of real ones: eight clients at once against one, each asking one question after another,
and the time from the start of the process until it is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from rag_router.assembly import Parts, assemble
from rag_router.experts import Expert
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Orchestrator
from rag_router.settings import Settings

QUESTIONS = Path(__file__).parents[1] / "examples" / "questions.jsonl"
SLOW = "Who takes his time?"
SLOW_S = 12.0
KNOWN = "What is the capital of France?"
BODY = {"question": KNOWN}
PARTS = ("overhead", "load", "stream", "concurrency", "start")


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(PARTS), help="which figures")
    parser.add_argument("--limit", type=int, default=32, help="questions to the real model")
    parser.add_argument("--requests", type=int, default=300, help="requests without load")
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0, help="of load")
    parser.add_argument("--generator", default="smollm2-135m-instruct")
    parser.add_argument("--scripted", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.scripted:
        serve_scripted(arguments.scripted)
        return
    wanted = arguments.only.split(",")
    figures: dict[str, Any] = {}
    if {"overhead", "load", "stream"} & set(wanted):
        with server("-m", "benchmarks.service", "--scripted") as (base, process, _):
            if "overhead" in wanted:
                figures["overhead"] = overhead(base, arguments.requests)
            if "stream" in wanted:
                figures["stream"] = stream(base)
            if "load" in wanted:
                resident = lambda: resident_mb(process.pid)  # noqa: E731
                figures["load"] = asyncio.run(
                    load(base, arguments.connections, arguments.seconds, resident)
                )
    os.environ["RAG_ROUTER_GENERATOR__MODEL"] = arguments.generator
    if {"concurrency", "start"} & set(wanted):
        with server("-m", "rag_router.cli.main", "serve", "--port") as (base, _, ready_s):
            if "start" in wanted:
                figures["start"] = {"ready_s": round(ready_s, 1)}
            if "concurrency" in wanted:
                figures["concurrency"] = concurrency(base, questions(arguments.limit))
    from benchmarks.record import record

    record("service", figures, generator=arguments.generator, questions=arguments.limit)


def scripted(home: Path) -> Orchestrator:
    """An orchestrator whose model answers at once, but for one question."""

    def script(prompt: str) -> Reply:
        if prompt.rsplit("Question: ", 1)[-1].startswith(SLOW):
            time.sleep(SLOW_S)
        return Reply("Paris", 0.99)

    model = ScriptedModel(script, otherwise=Reply("nobody said", 0.1), name="scripted")
    expert = Expert(name="scripted", model=model, style=PromptStyle.of(model))
    parts = Parts(expert=expert, embedder=HashingEmbedder(), indexes={})
    return assemble(Settings(home=home), parts)


def serve_scripted(port: int) -> None:
    """Serve the scripted model until the process is told to end."""
    import uvicorn

    from rag_router.api.app import create_app

    with tempfile.TemporaryDirectory() as home:
        app = create_app(lambda: scripted(Path(home)))
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


@contextmanager
def server(*command: str) -> Iterator[tuple[str, subprocess.Popen[bytes], float]]:
    """Run a server; yields its address, its process, and the seconds until it was ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base, began = f"http://127.0.0.1:{port}", time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not is_ready(base):
            if process.poll() is not None:
                sys.exit(f"the server ended with {process.returncode}: {' '.join(command)}")
            time.sleep(0.05)
        yield base, process, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(timeout=90)


def is_ready(base: str) -> bool:
    """Whether a server is ready."""
    try:
        return httpx.get(f"{base}/health/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def overhead(base: str, requests: int) -> dict[str, float]:
    """Time requests, and the same question put to the orchestrator, turn by turn."""
    told, direct = [], []
    with tempfile.TemporaryDirectory() as home, client(base) as asking:
        orchestrator = scripted(Path(home))
        for number in range(requests + 20):
            spent = timed(lambda: asking.post("/v1/answer", json=BODY).raise_for_status())
            alone = timed(lambda: orchestrator.answer([KNOWN]))
            if number >= 20:  # the first ones warm up
                told.append(spent)
                direct.append(alone)
    more = [(a - b) * 1000 for a, b in zip(told, direct, strict=True)]
    return {
        "direct_p50_ms": round(statistics.median(direct) * 1000, 2),
        "p50_ms": round(statistics.median(more), 2),
        "p95_ms": round(statistics.quantiles(more, n=20)[-1], 2),
    }


def stream(base: str) -> dict[str, float]:
    """Time what a client hears first."""
    stages, models = [], []
    with client(base) as asking:
        for _ in range(20):
            models.append(timed(lambda: asking.get("/v1/models").raise_for_status()))
            stages.append(until(asking, {"question": KNOWN, "stream": True}, "event: "))
        alive = until(asking, {"question": SLOW, "stream": True}, ": keep-alive")
    return {
        "first_stage_ms_max": round(max(stages) * 1000, 1),
        "first_keep_alive_s": round(alive, 2),
        "models_ms_max": round(max(models) * 1000, 1),
    }


def until(asking: httpx.Client, body: dict[str, Any], begins: str) -> float:
    """Seconds until a line of a stream begins so."""
    began = time.perf_counter()
    with asking.stream("POST", "/v1/answer", json=body) as response:
        for line in response.iter_lines():
            if line.startswith(begins):
                return time.perf_counter() - began
    raise SystemExit(f"no line began with {begins!r}")


async def load(
    base: str, connections: int, seconds: float, resident: Callable[[], float]
) -> dict[str, Any]:
    """Let many connections ask without a pause."""
    statuses: Counter[str] = Counter()
    spent: list[float] = []
    ends = time.perf_counter() + seconds
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(
        base_url=base, limits=limits, timeout=60, trust_env=False
    ) as asking:

        async def one() -> None:
            while time.perf_counter() < ends:
                began = time.perf_counter()
                try:
                    status = str((await asking.post("/v1/answer", json=BODY)).status_code)
                except httpx.HTTPError as exc:
                    status = type(exc).__name__
                statuses[status] += 1
                spent.append(time.perf_counter() - began)
                if status in {"429", "503"}:
                    await asyncio.sleep(1.0)

        async def memory() -> tuple[float, float]:
            await asyncio.sleep(seconds / 3)
            early = resident()
            await asyncio.sleep(seconds * 2 / 3)
            return early, resident()

        *_, (early, late) = await asyncio.gather(*(one() for _ in range(connections)), memory())
    refused = statuses["429"] + statuses["503"]
    return {
        "connections": connections,
        "seconds": seconds,
        "answers_per_s": round(statuses["200"] / seconds, 1),
        "p95_s": round(statistics.quantiles(spent, n=20)[-1], 2),
        "refused": refused,
        "errors": statuses.total() - statuses["200"] - refused,
        "statuses": dict(statuses),
        "resident_mb_early": round(early, 1),
        "resident_mb_late": round(late, 1),
    }


def concurrency(base: str, asked: Sequence[str], clients: int = 8) -> dict[str, float]:
    """Answers a second of several clients at once, and of one alone."""

    def ask(asking: httpx.Client, question: str) -> None:
        asking.post("/v1/answer", json={"question": question}).raise_for_status()

    with client(base) as asking, ThreadPoolExecutor(clients) as pool:
        ask(asking, asked[0])
        alone = timed(lambda: [ask(asking, question) for question in asked])
        together = timed(lambda: list(pool.map(lambda question: ask(asking, question), asked)))
    return {
        "clients": clients,
        "alone_per_s": round(len(asked) / alone, 3),
        "together_per_s": round(len(asked) / together, 3),
        "times": round(alone / together, 2),
    }


def client(base: str) -> httpx.Client:
    """A client with patience."""
    return httpx.Client(base_url=base, timeout=600, trust_env=False)


def timed(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def questions(limit: int) -> list[str]:
    """Questions of the examples, from the first again where there are too few."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return [str(json.loads(lines[n % len(lines)])["question"]) for n in range(limit)]


if __name__ == "__main__":
    main()
