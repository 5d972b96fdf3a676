"""kill -9 under ingestion and answering, again and again."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.drills.served import (
    NAME,
    Served,
    Stable,
    ask,
    documents,
    found,
    torn,
    until,
    upload,
)
from rag_router.indices.library import Library


def kills(stable: Stable, folder: Path, *, times: int, seed: int) -> dict[str, Any]:
    """Kill a service while it takes in and answers, and look what is left.

    Expected: every document that was acknowledged is indexed in the end and found by its own word,
    no answer shows a passage with another document's text, nobody gets a status of 500, and every
    index that is found after a kill is whole.
    """
    draw, home = random.Random(seed), folder / "home"
    seen = _Seen()
    for _ in range(times):
        served = stable.serve(home)
        seen.look(home)
        with served.client() as client:
            client.post("/v1/collections", json={"name": NAME})
        clients = [
            threading.Thread(target=work, args=(served, seen)) for work in (_upload, _ask, _ask)
        ]
        for one in clients:
            one.start()
        # By what was done and not by the clock, so that slow machines are killed at work, too.
        wanted = len(seen.acknowledged) + seen.answers + draw.randrange(12)
        until(lambda n=wanted: len(seen.acknowledged) + seen.answers >= n, 20, every_s=0.01)
        time.sleep(draw.uniform(0.0, 0.2))
        served.kill()
        for one in clients:
            one.join()
    with stable.serving(home) as served, served.client() as client:
        until(lambda: "waiting" not in documents(client).values(), 300, every_s=0.5)
        states = documents(client)
        # An answer reads a few passages of hundreds that are alike: what it leaves out is not lost.
        lost = [n for n in sorted(seen.acknowledged) if not found(client, n)]
    unindexed = [n for n in seen.acknowledged if states.get(f"fact-{n}.txt") != "indexed"]
    return {
        "killed": times,
        "acknowledged": len(seen.acknowledged),
        "missing": len({*unindexed, *lost}),
        "not_indexed": len(unindexed),
        "not_found": len(lost),
        "given_up": sum(state == "failed" for state in states.values()),
        "answers": seen.answers,
        "answers_half_published": len(seen.torn),
        "indexes_broken": seen.broken,
        "statuses_of_500": seen.failures,
        "held": bool(seen.acknowledged and seen.answers)
        and not (unindexed or lost or seen.torn or seen.broken or seen.failures),
    }


class _Seen:
    """What clients saw until the service was gone."""

    def __init__(self) -> None:
        self.next = 1
        self.acknowledged: set[int] = set()
        self.torn: list[str] = []
        self.answers = self.failures = self.broken = 0

    def look(self, home: Path) -> None:
        library = Library(home)
        for name in library.names():
            try:
                library.verify(name)
            except Exception:  # noqa: BLE001 - whatever it is, it is not whole
                self.broken += 1


def _upload(served: Served, seen: _Seen) -> None:
    with served.client() as client:
        while True:
            number, seen.next = seen.next, seen.next + 1
            try:
                status = upload(client, number).status_code
            except httpx.HTTPError:
                return
            if status == httpx.codes.ACCEPTED:
                seen.acknowledged.add(number)
            seen.failures += status == httpx.codes.INTERNAL_SERVER_ERROR


def _ask(served: Served, seen: _Seen) -> None:
    with served.client() as client:
        while True:
            try:
                response = ask(client, random.choice(sorted(seen.acknowledged) or [1]))
            except httpx.HTTPError:
                return
            seen.failures += response.status_code == httpx.codes.INTERNAL_SERVER_ERROR
            if response.status_code == httpx.codes.OK:
                seen.answers += 1
                seen.torn += torn(response.json()["answers"][0])
