"""Clients that are slow on purpose, and thousands that say nothing."""

from __future__ import annotations

import resource
import socket
import statistics
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.drills.served import Served, Stable, until

_HEAD = b"POST /v1/answer HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n"


def slow_clients(stable: Stable, folder: Path, *, count: int = 300) -> dict[str, Any]:
    """Send heads and bodies byte by byte over hundreds of connections (Slowloris).

    Expected: an honest client is served all the while, and every slow one is let go within three
    times `serve.head_seconds`.
    """
    listens = {"head_seconds": 5.0, "connections": 400}
    with stable.serving(folder / "home", serve=listens) as served:
        alone = _asked(served, 10)
        slow = [_connected(served) for _ in range(count)]
        for number, one in enumerate(slow):
            one.sendall(_HEAD if number % 2 else _HEAD + b"\r\n")
        begun, open_ = time.monotonic(), set(slow)
        trickling = threading.Event()
        ended: list[float] = []
        thread = threading.Thread(target=_trickle, args=(open_, trickling, ended))
        thread.start()
        meanwhile = _asked(served, 20)
        until(lambda: not open_, 60)
        took = (ended[0] if ended else time.monotonic()) - begun
        trickling.set()
        thread.join()
    return {
        "connections": count,
        "honest_served": len(meanwhile),
        "honest_refused": 20 - len(meanwhile),
        "alone_p50_ms": round(1000 * statistics.median(alone), 1),
        "meanwhile_p50_ms": round(1000 * statistics.median(meanwhile), 1) if meanwhile else None,
        "left_after_s": round(took, 1),
        "still_open": len(open_),
        "held": len(meanwhile) == 20 and not open_ and took < 3 * 5.0,
    }


def idle_connections(stable: Stable, folder: Path, *, count: int = 10_000) -> dict[str, Any]:
    """Open thousands of connections that say nothing to a service of 1,024 descriptors.

    Expected: an honest client is served while they come and afterwards, those that are too many
    are told 503 and closed, and the service never holds more than `serve.connections`.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(count, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listens = {"connections": 700, "head_seconds": 30.0}
    with stable.serving(folder / "home", serve=listens, descriptors=1024) as served:
        idle: list[socket.socket] = []
        most, failed = 0, 0
        spent: list[float] = []
        try:
            for number in range(count):
                try:
                    idle.append(_connected(served))
                except OSError:
                    failed += 1
                if number % 500 == 499:
                    most = max(most, _descriptors(served.pid))
                    spent += _asked(served, 1)
            spent += _asked(served, 10)
            told = sum(_was_told(one) for one in idle)
            alive = served.alive
        finally:
            for one in idle:
                one.close()
        after = _asked(served, 10)
    wanted = count // 500 + 10
    return {
        "connections": count,
        "refused_to_connect": failed,
        "told_503": told,
        "descriptors_most": most,
        "honest_served": len(spent),
        "of": wanted,
        "honest_longest_ms": round(1000 * max(spent, default=0.0), 1),
        "served_afterwards": len(after),
        "held": alive
        and len(spent) == wanted
        and len(after) == 10
        and most <= 1024
        and told >= count - failed - 900 - wanted,
    }


def _connected(served: Served) -> socket.socket:
    host, _, port = served.base.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def _asked(served: Served, times: int) -> list[float]:
    """Seconds that each of some honest requests took; those that were not answered are left out."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        try:
            with served.client(timeout_s=20) as client:
                status = client.post("/v1/answer", json={"question": "fact 1?"}).status_code
        except Exception:  # noqa: BLE001 - whatever it is, it was no answer
            continue
        if status == 200:
            spent.append(time.perf_counter() - began)
    return spent


def _trickle(open_: set[socket.socket], ends: threading.Event, ended: list[float]) -> None:
    """Send a byte of each every second, forget those that were closed, and note when all are."""
    for one in open_:
        one.setblocking(False)
    while open_ and not ends.wait(1.0):
        for one in list(open_):
            gone = False
            with suppress(BlockingIOError):
                try:
                    one.send(b"x")
                    one.recv(4096)
                    gone = True
                except (BrokenPipeError, ConnectionError):
                    gone = True
            if gone:
                open_.discard(one)
                one.close()
    if not open_:
        ended.append(time.monotonic())


def _was_told(one: socket.socket) -> bool:
    one.setblocking(False)
    with suppress(OSError):
        return b" 503 " in one.recv(4096)
    return False


def _descriptors(pid: int) -> int:
    with suppress(OSError):  # one that is gone has none, and `alive` tells of it
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0
