"""Kill additions at many moments, each in a process of its own, and look at what is left.

Run as a program: killing.py CORPUS HOME. Prints one JSON line for each moment. Processes are
forked, so that the libraries are imported once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from rag_router.errors import UnknownNameError
from rag_router.indices import Library
from rag_router.models.scripted_embedder import HashingEmbedder


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_progress(moment: int):
    """Die at this call of `on_progress`."""
    calls = 0

    def on_progress(_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == moment:
            die()

    return on_progress


def at_function_call(moment: int) -> None:
    """Die when code of the index makes its n-th call, be it of Python or of C."""
    calls = 0

    def profile(frame, event: str, _: object) -> None:
        nonlocal calls
        if event in {"call", "c_call"} and "rag_router" in frame.f_code.co_filename:
            calls += 1
            if calls == moment:
                die()

    sys.setprofile(profile)


def add(home: Path, corpus: Path, moment: int, kind: str) -> None:
    library = Library(home)
    if kind == "progress":
        library.add("world", [corpus], HashingEmbedder(), on_progress=at_progress(moment))
    else:
        at_function_call(moment)
        library.add("world", [corpus], HashingEmbedder())
        sys.setprofile(None)


def in_a_child(work, *arguments) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(*arguments)
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def passages_in(home: Path) -> int | None:
    try:
        return Library(home).verify("world").passages
    except UnknownNameError:
        return None


def report(home: Path, corpus: Path, moment: int, kind: str) -> bool:
    """Kill at this moment, look, and add again; tell whether anything was killed."""
    before = passages_in(home)
    status = in_a_child(add, home, corpus, moment, kind)
    row = {"kind": kind, "moment": moment, "status": status, "before": before}
    row["left"] = passages_in(home)
    again = Library(home).add("world", [corpus], HashingEmbedder())
    row["after"] = Library(home).verify("world").passages
    row["encoded"] = again.encoded
    folder = home / "indices" / "world"
    row["rubbish"] = [
        path.name
        for path in [*folder.iterdir(), *(folder / "generations").iterdir()]
        if path.name not in {"CURRENT", "generations"} and not path.name.isdigit()
    ]
    row["generations"] = len(list((folder / "generations").iterdir()))
    sys.stdout.write(json.dumps(row) + "\n")
    return status != 0


def main(corpus: Path, homes: Path) -> None:
    moment = 1
    while report(homes / f"progress-{moment}", corpus, moment, "progress"):
        moment += 1
    moment = 1
    while report(homes / f"call-{moment}", corpus, moment, "call"):
        moment = int(moment * 1.5) + 1
    # The same upon an index that is there, whose readers must not notice.
    small = homes / "small"
    small.mkdir()
    (small / "old.txt").write_text("Old.")
    moment = 1
    while True:
        home = homes / f"second-{moment}"
        Library(home).add("world", [small], HashingEmbedder())
        if not report(home, corpus, moment, "progress"):
            break
        moment += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
