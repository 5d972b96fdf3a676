"""Disks that are full, read-only, or have forgotten a page; they are mounted, which takes root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.drills.served import NAME, Stable, ask, documents, fact, until, upload

_MB = 2**20


def full_disk(stable: Stable, folder: Path) -> dict[str, Any]:
    """Fill the disk of the home under a running service, and make room again.

    Expected: uploads get 503 with a hint and leave nothing behind; questions are answered, and say
    where they could not be kept; with room again, all goes on without a restart, and what was
    acknowledged is indexed.
    """
    how = ("-t", "tmpfs", "-o", "size=24m", "tmpfs")
    with mounted(folder / "disk", *how) as disk:  # noqa: SIM117 - only then is there a home
        with stable.serving(disk / "home") as served, served.client() as client:
            client.post("/v1/collections", json={"name": NAME})
            acknowledged = [n for n in range(1, 4) if upload(client, n).status_code == 202]
            until(lambda: "waiting" not in documents(client).values(), 60)
            _fill(disk / "ballast")
            refused = upload(client, 4, "x" * 200_000)
            left = [place.name for place in (disk / "home" / "uploads").glob(".new-*")]
            answered = [ask(client, n) for n in acknowledged]
            alive = served.alive
            (disk / "ballast").unlink()
            again = until(lambda: upload(client, 5).status_code in {202, 409}, 60)
            indexed = until(lambda: documents(client).get("fact-5.txt") == "indexed", 60)
            states = documents(client)
    said = [one.json()["answers"][0] for one in answered if one.status_code == 200]
    right = 0
    if len(said) == len(acknowledged):
        right = sum(fact(n) in str(one) for n, one in zip(acknowledged, said, strict=True))
    return {
        "upload_status": refused.status_code,
        "upload_hint": "hint" in refused.json(),
        "left_behind": len(left),
        "answers_right": right,
        "answers_not_kept_said": sum(
            any(note["stage"] == "trace" for note in one["degraded"]) for one in said
        ),
        "went_on": again and indexed,
        "held": alive
        and refused.status_code == 503
        and not left
        and right == len(acknowledged) > 0
        and again
        and indexed
        and all(states[f"fact-{n}.txt"] == "indexed" for n in acknowledged),
    }


def read_only_disk(stable: Stable, folder: Path) -> dict[str, Any]:
    """Make uploads and indexes read-only under a running service; then start one on such a home.

    Expected: uploads get 503 with a hint, questions are answered; a service whose whole home is
    read-only does not start, and says in one line what it cannot write.
    """
    home = folder / "home"
    with stable.serving(home) as served, served.client() as client:
        client.post("/v1/collections", json={"name": NAME})
        upload(client, 1)
        until(lambda: documents(client).get("fact-1.txt") == "indexed", 60)
        with _read_only(home / "uploads"), _read_only(home / "indices"):
            refused, answered = upload(client, 2), ask(client, 1)
            alive = served.alive
        again = until(lambda: upload(client, 2).status_code in {202, 409}, 30)
    with _read_only(home):
        other = stable.serve(home, ready=False)
        ended = other.wait_gone(60)
        other.kill()
        lines = other.log.read_text(encoding="utf-8").splitlines()
        told = next((line for line in reversed(lines) if "Error" in line), "")
    return {
        "upload_status": refused.status_code,
        "answer_right": answered.status_code == 200 and fact(1) in answered.text,
        "went_on": again,
        "ended_at_start": ended,
        "told_at_start": told.replace(str(folder), "FOLDER")[:200],
        "held": alive
        and refused.status_code == 503
        and answered.status_code == 200
        and fact(1) in answered.text
        and again
        and ended
        and told.startswith("UnavailableError"),
    }


def corrupt_page(stable: Stable, folder: Path) -> dict[str, Any]:
    """Overwrite pages of the service's database and of an index between two starts.

    Expected: with a broken index the service starts, tells of it, and answers from memory and from
    the other indexes; with a broken database requests for what stands in it get 503, never 500,
    questions are answered, and nothing hangs.
    """
    home = folder / "home"
    with stable.serving(home) as served, served.client() as client:
        for name in (NAME, "other"):
            client.post("/v1/collections", json={"name": name})
        for number in range(1, 60):
            upload(client, number)
        until(lambda: "waiting" not in documents(client).values(), 120)
    (passages,) = sorted((home / "indices" / NAME).rglob("passages.sqlite"))[-1:]
    _overwrite(passages, 1)
    with stable.serving(home) as served, served.client() as client:
        answered = ask(client, 1, indexes=None)
        collection = client.get(f"/v1/collections/{NAME}").status_code
        index_told = [answered.status_code, collection, served.alive]
    for page in range(1, (home / "service.sqlite").stat().st_size // 4096):
        _overwrite(home / "service.sqlite", page)
    statuses: dict[str, int] = {}
    served = stable.serve(home, ready=False)
    until(lambda: served.ready or not served.alive, 20)
    if alive := served.alive:
        with served.client() as client:
            statuses["answer"] = ask(client, 1, indexes=None).status_code
            for path in ("documents", "traces", "collections", "jobs"):
                statuses[path] = client.get(f"/v1/{path}").status_code
            statuses["upload"] = upload(client, 99).status_code
    log = served.log.read_text(encoding="utf-8").splitlines()
    served.stop()
    refused_to_start = not alive and any(line.startswith("UnavailableError") for line in log)
    return {
        "index_broken_statuses": index_told[:2],
        "database_broken_statuses": statuses,
        "database_broken_ended_at_start": not alive,
        "held": index_told == [200, 200, True]
        and (refused_to_start or (statuses.get("answer") == 200 and 500 not in statuses.values())),
    }


@contextmanager
def mounted(place: Path, *how: str) -> Iterator[Path]:
    """Mount something for a block.

    Raises:
        PermissionError: it cannot be mounted here.
    """
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *how, str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(done.stderr.strip())
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def _read_only(place: Path) -> Iterator[None]:
    with mounted(place, "--bind", str(place)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
        yield


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(_MB // 64))
        except OSError:
            return


def _overwrite(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(os.urandom(4096))
