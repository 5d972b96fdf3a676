"""Serve, acknowledge two documents, and be killed.

Run as a program: killed_service.py FOLDER MOMENT... For each moment a process is forked, so that
the libraries are imported once. It dies in its worker, which stands between acknowledging and
publishing; what was acknowledged is in FOLDER/MOMENT/acknowledged.jsonl.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from kept_service import keeping  # noqa: E402
from little_house import write_jsonl  # noqa: E402
from said import given  # noqa: E402

from rag_router.indices.library import Library  # noqa: E402
from rag_router.models.scripted_embedder import HashingEmbedder  # noqa: E402

_CALLS = {
    "before": ("worker.py", "take_up"),
    "reading": ("putting.py", "read_upload"),
    "publishing": ("publish.py", "publish"),
    "published": ("jobs.py", "end_job"),
    "dropping": ("putting.py", "remove_index"),
    "sweeping": ("library.py", "sweep_removed"),
    "dropped": ("dropping.py", "forget_collection"),
    "told": ("files.py", "forget"),
}
DROPS = ("dropping", "sweeping", "dropped", "told")
"""Moments of removing a collection."""


def die_in(file: str, function: str):
    """Kill the process when the worker calls this function."""

    def profile(frame, event, _):
        if threading.current_thread().name != "rag-router-ingestion":
            sys.setprofile(None)
        elif (event, frame.f_code.co_name) == ("call", function) and (
            frame.f_code.co_filename.endswith(f"/{file}")
        ):
            os.kill(os.getpid(), signal.SIGKILL)

    return profile


def serve(folder: Path, moment: str) -> None:
    if moment in DROPS:
        drop(folder, moment)
        return
    uploads = folder / "home" / "uploads"
    uploads.mkdir(parents=True)
    threading.setprofile(die_in(*_CALLS[moment]))
    # Somebody else works, while both are acknowledged.
    other = FileLock(uploads / ".worker.lock")
    other.acquire()
    with keeping(folder) as client:
        given(client.post("/v1/collections", json={"name": "kept"}), 201)
        for name in ("one", "two"):
            body = {"collection": "kept", "name": f"{name}.txt", "text": f"This is {name}."}
            accepted = client.post("/v1/documents", json=body)
            with (folder / "acknowledged.jsonl").open("a") as file:
                file.write(accepted.text + "\n")
        other.release()
        threading.Event().wait(60)


def drop(folder: Path, moment: str) -> None:
    """Promise to put a document into an index that is there, and remove it all."""
    uploads = folder / "home" / "uploads"
    uploads.mkdir(parents=True)
    rows = write_jsonl(folder / "kept.jsonl", [{"id": "one", "title": "", "text": "This is one."}])
    Library(folder / "home").add("kept", [rows], HashingEmbedder())
    threading.setprofile(die_in(*_CALLS[moment]))
    other = FileLock(uploads / ".worker.lock")
    other.acquire()
    with keeping(folder) as client:
        body = {"collection": "kept", "name": "two.txt", "text": "This is two."}
        given(client.post("/v1/documents", json=body), 202)
        accepted = client.delete("/v1/collections/kept")
        (folder / "acknowledged.json").write_text(accepted.text)
        other.release()
        threading.Event().wait(60)


def main(folder: Path, moments: list[str]) -> None:
    for moment in moments:
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            print(moment, os.waitstatus_to_exitcode(status), flush=True)
        else:
            serve(folder / moment, moment)
            os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
