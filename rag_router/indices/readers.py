"""From paths to documents: text, Markdown, HTML, PDF, Word, CSV, JSON Lines, and archives of them.

Everything is read before anything is indexed: one broken file and nothing of the batch is,
unless the caller says to keep going, and then that file is reported and left out whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, Skipped, SourceFile
from rag_router.indices.formats.apart import ReaderProcess
from rag_router.indices.formats.plain import read_markdown, read_text
from rag_router.indices.hidden import unhidden
from rag_router.indices.jsonl import read_jsonl
from rag_router.indices.walking import KINDS, find_files, kind_of
from rag_router.settings import DocumentSettings

__all__ = ["IN_PROCESS", "read_paths"]


def read_paths(
    paths: Sequence[Path],
    *,
    keep_going: bool = False,
    limits: DocumentSettings | None = None,
) -> tuple[list[Document], list[Skipped]]:
    """Read all documents in the order of the paths, and say what was passed over.

    The id of a document is its own in JSON Lines and CSV, and its path below the given folder
    otherwise. A document that comes twice, the same both times, is read once.

    Args:
        paths: Files and folders.
        keep_going: Whether what is broken is reported among what was passed over, instead of
            being an error. What does not exist is always an error.
        limits: What is refused; None is the default.

    Raises:
        DocumentError: something cannot be read, two documents share an id, or there is nothing.
    """
    files, skipped = find_files(paths, keep_going=keep_going)
    gathered = _Gathered(skipped, keep_going)
    with closing(_Reading(limits or DocumentSettings())) as reading:
        for file in files:
            gathered.add(file, reading)
    kept = [document for document in gathered.documents.values() if not document.is_blank]
    if not kept:
        raise DocumentError(
            f"nothing to index in {', '.join(str(path) for path in paths) or 'no path at all'}"
            f"{_summary(skipped)}.",
            hint=f"Kinds of files: {', '.join(KINDS)}.",
        )
    return kept, skipped


class _Gathered:
    """Documents by id, and what was passed over."""

    def __init__(self, skipped: list[Skipped], keep_going: bool) -> None:
        self.documents: dict[str, Document] = {}
        self._skipped = skipped
        self._keep_going = keep_going

    def add(self, file: SourceFile, reading: _Reading) -> None:
        try:
            # Whole files only: of a broken one, nothing is kept.
            fresh = reading.documents(file, self._skipped)
        except DocumentError as exc:
            self._refuse(str(file.path), exc)
            return
        for document in fresh:
            self._add_one(document)

    def _add_one(self, document: Document) -> None:
        document, hidden = unhidden(document)
        if hidden:
            reason = "hidden characters are left out"
            self._skipped.append(Skipped(place=document.source, reason=reason, count=hidden))
        before = self.documents.setdefault(document.id, document)
        for note in document.notes:
            self._skipped.append(Skipped(place=document.source, reason=note, broken=True))
        if document.is_blank:
            self._skipped.append(Skipped(place=document.source, reason="holds no text"))
        if before is document:
            return
        if _content(before) == _content(document):
            reason = f"same as {before.source}"
            self._skipped.append(Skipped(place=document.source, reason=reason))
            return
        error = DocumentError(
            f"two documents are called {document.id!r} and differ: "
            f"{before.source} and {document.source}.",
            hint="Give each its own id, or add them to two indices.",
        )
        self._refuse(document.source, error)

    def _refuse(self, place: str, error: DocumentError) -> None:
        if not self._keep_going:
            raise error
        self._skipped.append(Skipped(place=place, reason=error.message, broken=True))


class _Reading:
    """Reads files of all kinds, foreign formats in a process apart."""

    def __init__(self, limits: DocumentSettings) -> None:
        self._limits = limits
        self._apart = ReaderProcess(limits)

    def close(self) -> None:
        self._apart.close()

    def documents(self, file: SourceFile, skipped: list[Skipped]) -> list[Document]:
        """Read one file; what of it is passed over joins `skipped`.

        Raises:
            DocumentError: it cannot be read, or is larger than the limit.
        """
        kind = kind_of(file.path)
        if kind not in _BY_LINE:
            self._require_size(file)
        if read := IN_PROCESS.get(kind):
            return list(read(file))
        return self._apart.read(file, kind, skipped)

    def _require_size(self, file: SourceFile) -> None:
        try:
            size = file.path.stat().st_size
        except OSError as exc:
            raise DocumentError(f"{file.path} cannot be read: {exc}.") from exc
        if size > self._limits.file_mb * 2**20:
            raise DocumentError(
                f"{file.path} has {size / 2**20:,.1f} MiB, more than {self._limits.file_mb}.",
                hint="Set documents.file_mb higher, or split the file.",
            )


def _read_jsonl(file: SourceFile) -> Iterator[Document]:
    return read_jsonl(file.path)


IN_PROCESS: Final[Mapping[str, Callable[[SourceFile], Iterable[Document]]]] = {
    ".txt": read_text,
    ".md": read_markdown,
    ".jsonl": _read_jsonl,
    ".jsonl.gz": _read_jsonl,
}
"""What is read in this process; all other kinds are read apart."""

_BY_LINE: Final = frozenset({".jsonl", ".jsonl.gz"})


def _content(document: Document) -> tuple[object, ...]:
    return document.title, document.sections, document.meta


def _summary(skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return ""
    shown = "; ".join(f"{s.place}: {s.count} x {s.reason}" for s in skipped[:3])
    return f" (passed over: {shown}{'; …' if len(skipped) > 3 else ''})"
