"""The process that reads foreign formats: one request a line, the documents as lines of JSON.

It is started by `rag_router.indices.formats.apart`. What it reads comes from outside and meets
large parsers here, where a file that takes for ever, eats all memory or crashes its reader costs
nothing but this process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TextIO

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, Skipped, SourceFile
from rag_router.indices.formats.archive import Read, read_archive
from rag_router.indices.formats.csv_rows import read_csv
from rag_router.indices.formats.docx import read_docx
from rag_router.indices.formats.html import read_html
from rag_router.indices.formats.pdf import read_pdf
from rag_router.indices.formats.plain import read_markdown, read_text
from rag_router.indices.jsonl import read_jsonl
from rag_router.indices.walking import ARCHIVES
from rag_router.settings import DocumentSettings

__all__ = ["FORMATS", "told_of"]

_FOREIGN: Final[Mapping[str, Read]] = {
    ".csv": read_csv,
    ".docx": read_docx,
    ".htm": read_html,
    ".html": read_html,
    ".pdf": read_pdf,
}

_PACKED: Final[Mapping[str, Read]] = {
    **_FOREIGN,
    ".jsonl": lambda file, limits: read_jsonl(file.path),
    ".md": lambda file, limits: read_markdown(file),
    ".txt": lambda file, limits: read_text(file),
}
"""Readers of members of an archive."""

FORMATS: Final[
    Mapping[str, Callable[[SourceFile, DocumentSettings], Iterator[Document | Skipped]]]
] = {
    **_FOREIGN,
    **dict.fromkeys(ARCHIVES, lambda file, limits: read_archive(file, limits, _PACKED)),
}
"""Readers by the ending of the files they read."""


def told_of(file: SourceFile, kind: str, limits: DocumentSettings) -> Iterator[Document | Skipped]:
    """Yield what is in a file, and what of it was passed over.

    Args:
        file: The file.
        kind: Its ending, one of `FORMATS`.
        limits: What is refused.

    Raises:
        DocumentError: it cannot be read, whatever its parser thinks of it.
    """
    try:
        yield from FORMATS[kind](file, limits)
    except DocumentError:
        raise
    except MemoryError as exc:
        raise DocumentError(
            f"{file.path} needs more than {limits.memory_mb} MiB of memory to be read.",
            hint="Set documents.memory_mb higher.",
        ) from exc
    except Exception as exc:  # parsers of broken files raise anything
        raise DocumentError(
            f"{file.path} is broken: {type(exc).__name__}: {str(exc)[:200]}.",
            hint="Open and save it again, or leave it out.",
        ) from exc


def _serve(requests: TextIO, replies: TextIO) -> None:
    _say(replies, {"ready": True})
    for line in requests:
        request = json.loads(line)
        limits = DocumentSettings(**request["limits"])
        file = SourceFile(path=Path(request["path"]), relative=request["relative"])
        try:
            for found in told_of(file, request["kind"], limits):
                what = "skipped" if isinstance(found, Skipped) else "document"
                _say(replies, {what: asdict(found)})
            _say(replies, {"done": True})
        except DocumentError as exc:
            _say(replies, {"error": exc.message, "hint": exc.hint})


def _say(replies: TextIO, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply) + "\n")
    replies.flush()


def _limit_memory(memory_mb: int) -> None:
    """Let this process grow by so much, where the system can be asked to."""
    try:
        import resource
    except ImportError:
        return
    # What stands in a document must not stand in a file that a crash leaves behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = Path("/proc/self/statm")
    if not pages.is_file():
        return
    used = int(pages.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    limit = used + memory_mb * 2**20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    import logging

    logging.disable()  # what parsers think of a file is told by its error alone
    _limit_memory(int(sys.argv[1]))
    _serve(sys.stdin, sys.stdout)
