"""Reading foreign formats in a process of their own, which is ended when it takes too long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from time import monotonic
from typing import IO, Any, Final

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, Section, Skipped, SourceFile
from rag_router.settings import DocumentSettings

__all__ = ["ReaderProcess"]

_START_SECONDS: Final = 300.0
"""For starting Python and importing, on the slowest machine; not counted as reading."""


class ReaderProcess:
    """Reads files apart from this process; started by the first, and again after an accident.

    Args:
        limits: What is refused.
    """

    def __init__(self, limits: DocumentSettings) -> None:
        self._limits = limits
        self._process: subprocess.Popen[str] | None = None
        self._scratch: TemporaryDirectory[str] | None = None
        self._replies: SimpleQueue[str | None] = SimpleQueue()

    def read(
        self, file: SourceFile, kind: str, skipped: list[Skipped] | None = None
    ) -> list[Document]:
        """Read one file.

        Args:
            file: The file.
            kind: Its ending, one of `worker.FORMATS`.
            skipped: Gets what of it was passed over.

        Raises:
            DocumentError: it cannot be read, takes too long or crashes its reader.
        """
        process = self._process or self._start()
        asked = str(file.path.absolute())
        request = {
            "path": asked,
            "relative": file.relative,
            "kind": kind,
            "limits": self._limits.model_dump(),
        }
        assert process.stdin is not None
        with suppress(OSError):  # a process that is gone says so by its replies
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        documents: list[Document] = []
        deadline = monotonic() + self._limits.seconds
        while True:
            reply = self._reply(max(0.0, deadline - monotonic()), file)
            if "document" in reply:
                documents.append(_document(reply["document"]))
            elif "skipped" in reply:
                passed_over = Skipped(**reply["skipped"] | {"place": str(file.path)})
                if skipped is not None:
                    skipped.append(passed_over)
            elif "error" in reply:
                # The process was told the whole path; people know the file by the one they gave.
                message = str(reply["error"]).replace(asked, str(file.path))
                raise DocumentError(message, hint=str(reply["hint"]))
            else:
                return [_at(document, asked, file) for document in documents]

    def _start(self) -> subprocess.Popen[str]:
        package_root = str(Path(__file__).resolve().parents[3])
        inherited = os.environ.get("PYTHONPATH", "")
        # What it unpacks lies here, and goes with it, however it ends.
        self._scratch = TemporaryDirectory(prefix="rag-router-", ignore_cleanup_errors=True)
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [
                *(sys.executable, "-P", "-m", "rag_router.indices.formats.worker"),
                str(self._limits.memory_mb),
            ],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, (package_root, inherited))),
                "PYTHONIOENCODING": "utf-8",
                "TMPDIR": self._scratch.name,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        assert process.stdout is not None
        self._process, self._replies = process, SimpleQueue()
        Thread(target=_pump, args=(process.stdout, self._replies), daemon=True).start()
        try:
            ready = self._replies.get(timeout=_START_SECONDS)
        except Empty:
            ready = None
        if ready is None:
            self._stop()
            raise DocumentError(
                "the process that reads documents did not start.",
                hint="Is the installation whole? Run `rag-router doctor`.",
            )
        return process

    def _reply(self, timeout_s: float, file: SourceFile) -> dict[str, Any]:
        try:
            line = self._replies.get(timeout=timeout_s)
        except Empty:
            self._stop()
            raise DocumentError(
                f"{file.path} takes longer than {self._limits.seconds:g} s to be read.",
                hint="Set documents.seconds higher, or leave the file out.",
            ) from None
        if line is None:
            self._stop()
            raise DocumentError(
                f"{file.path} crashed its reader, or needs more memory than there is.",
                hint="Open and save it again, or leave it out.",
            )
        reply: dict[str, Any] = json.loads(line)
        return reply

    def close(self) -> None:
        """End the process, if one was started."""
        self._stop()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.cleanup()


def _pump(lines: IO[str], replies: SimpleQueue[str | None]) -> None:
    with suppress(OSError, ValueError):  # the pipe may be closed under the last read
        for line in lines:
            replies.put(line)
    replies.put(None)


def _document(row: dict[str, Any]) -> Document:
    sections = tuple(
        Section(**{**section, "pages": tuple((at, number) for at, number in section["pages"])})
        for section in row["sections"]
    )
    return Document(**{**row, "sections": sections, "notes": tuple(row["notes"])})


def _at(document: Document, asked: str, file: SourceFile) -> Document:
    return replace(document, source=document.source.replace(asked, str(file.path), 1))
