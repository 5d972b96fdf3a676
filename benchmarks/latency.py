"""How long people wait, and what it takes: help, a cold `ask`, warm answers over HTTP, memory.

    python -m benchmarks.latency [--questions 20]

Bars: help under 0.7 s and without torch; `ask` in a new process under 25 s; a warm question with
three passages p50 under 5 s on two cores; resident memory under 4 GB.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import click

from benchmarks.record import record

EXAMPLES = Path(__file__).parent.parent / "examples"
COMMAND = [sys.executable, "-m", "rag_router.cli.main"]


@click.command()
@click.option("--questions", default=20, show_default=True)
def main(questions: int) -> None:
    """Measure, print and record."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "RAG_ROUTER_HOME": home}
        # The bar is for three passages; the default reads two.
        three = {**environment, "RAG_ROUTER_FILTERS": "[{name='budget', passages=3}]"}
        help_s = _seconds([*COMMAND, "--help"], environment, times=5)
        imports = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "rag_router.cli.main", "--help"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        add_s = _seconds([*COMMAND, "index", "add", "demo", str(EXAMPLES / "corpora")], environment)
        ask_s = _seconds([*COMMAND, "ask", "Who wrote the play Hamlet?", "--json"], environment, 3)
        warm = _serve(three, questions)
    record(
        "latency",
        {
            "help_s": help_s,
            "help_imports_torch": " torch\n" in imports,
            "index_add_examples_s": add_s,
            "ask_new_process_s": ask_s,
            **warm,
        },
    )


def _seconds(command: list[str], environment: dict[str, str], times: int = 1) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(command, env=environment, capture_output=True, check=True)
        spent.append(time.perf_counter() - start)
    return round(statistics.median(spent), 3)


def _serve(environment: dict[str, str], questions: int) -> dict[str, float]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.perf_counter()
    server = subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        while not _ready(base):
            time.sleep(0.1)
        ready_s = time.perf_counter() - start
        rows = (EXAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        texts = [json.loads(row)["question"] for row in rows][: questions + 2]
        spent, passages = [], []
        for number, text in enumerate(texts):
            begin = time.perf_counter()
            answer = _post(f"{base}/v1/answer", {"question": text, "retrieval": "always"})
            if number >= 2:  # the first two warm up
                spent.append(time.perf_counter() - begin)
                passages.append(sum(p["kept"] for p in answer["answers"][0]["passages"]))
        memory = _resident_bytes(server.pid)
    finally:
        server.terminate()
        server.wait(timeout=20)
    return {
        "serve_ready_s": round(ready_s, 2),
        "warm_answer_p50_s": round(statistics.median(spent), 3),
        "warm_answer_max_s": round(max(spent), 3),
        "passages_read_mean": round(statistics.mean(passages), 2),
        "serve_resident_gb": round(memory / 1e9, 2),
    }


def _ready(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/health/ready", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def _post(url: str, body: dict[str, object]) -> dict[str, list[dict[str, list[dict[str, bool]]]]]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        found: dict[str, list[dict[str, list[dict[str, bool]]]]] = json.load(response)
        return found


def _resident_bytes(pid: int) -> int:
    """Resident memory of a process, read from /proc where there is one, else from ps."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmRSS"))
        return int(line.split()[1]) * 1024
    out = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True)
    return int(out.stdout) * 1024


if __name__ == "__main__":
    main()
