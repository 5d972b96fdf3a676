"""Erase a document, and be killed on the way.

Run as a program: killed_erasure.py FOLDER ID MOMENT... For each moment the home in FOLDER/home is
copied, and a process is forked that dies when it comes to that; then another one finishes.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from sqlalchemy import select

from rag_router.api.erasing import plan_of_document
from rag_router.api.resources import Resources
from rag_router.settings import Settings
from rag_router.store.service_tables import ErasureRow

_CALLS = {
    "planned": ("eraser.py", "_carry_out"),
    "writing": ("publish.py", "publish"),
    "pointing": ("publish.py", "_point_to"),
    "sweeping": ("publish.py", "sweep"),
    "backups": ("steps.py", "erase_backups"),
    "files": ("steps.py", "erase_files"),
    "outcomes": ("steps.py", "erase_outcomes"),
    "rows": ("eraser.py", "_rows"),
    "deleting": ("erasures.py", "_forget_words_about"),
    "scrubbing": ("scrubbing.py", "scrub"),
    "ending": ("audit.py", "add_audit"),
}


def die_in(file: str, function: str):
    """Kill the process when this function is called."""

    def profile(frame, event, _):
        if (event, frame.f_code.co_name) == ("call", function) and (
            frame.f_code.co_filename.endswith(f"/{file}")
        ):
            os.kill(os.getpid(), signal.SIGKILL)

    return profile


def erase(home: Path, id_: str, moment: str) -> None:
    kept = Resources.open(Settings(home=home))
    with kept.database.writing() as session:
        row = plan_of_document(session, kept.library, "default", id_).note(session, now=1.0)
    sys.setprofile(die_in(*_CALLS[moment]))
    kept.eraser.finish(row.id, patience_s=1.0)


def resume(home: Path) -> str:
    kept = Resources.open(Settings(home=home))
    kept.eraser.work()
    with kept.database.reading() as session:
        (row,) = session.scalars(select(ErasureRow)).all()
    kept.close()
    return row.state


def main(folder: Path, id_: str, moments: list[str]) -> None:
    for moment in moments:
        place = folder / moment
        shutil.copytree(folder / "home", place / "home")
        if not (child := os.fork()):
            erase(place / "home", id_, moment)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(moment, os.waitstatus_to_exitcode(status), resume(place / "home"), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
