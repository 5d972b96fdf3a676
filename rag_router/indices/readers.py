"""From paths to documents: `.txt`, `.md`, `.jsonl` and `.jsonl.gz`.

Everything is read before anything is indexed: one broken line and nothing of the batch is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, Section, Skipped
from rag_router.indices.jsonl import read_jsonl
from rag_router.indices.markdown import read_markdown
from rag_router.indices.utf8 import decode_utf8
from rag_router.indices.walking import KINDS, SourceFile, find_files, kind_of

__all__ = ["read_paths"]


def read_paths(paths: Sequence[Path]) -> tuple[list[Document], list[Skipped]]:
    """Read all documents in the order of the paths, and say what was passed over.

    The id of a document is its own in JSON Lines, and its path below the given folder
    otherwise. A document that comes twice, the same both times, is read once.

    Raises:
        DocumentError: something cannot be read, two documents share an id, or there is nothing.
    """
    files, skipped = find_files(paths)
    documents: dict[str, Document] = {}
    for document in _read_all(files):
        before = documents.setdefault(document.id, document)
        if document.is_blank:
            skipped.append(Skipped(place=document.source, reason="holds no text"))
        if before is document:
            continue
        if _content(before) != _content(document):
            raise DocumentError(
                f"two documents are called {document.id!r} and differ: "
                f"{before.source} and {document.source}.",
                hint="Give each its own id, or add them to two indices.",
            )
        skipped.append(Skipped(place=document.source, reason=f"same as {before.source}"))
    kept = [document for document in documents.values() if not document.is_blank]
    if not kept:
        raise DocumentError(
            f"nothing to index in {', '.join(str(path) for path in paths) or 'no path at all'}"
            f"{_summary(skipped)}.",
            hint=f"Kinds of files: {', '.join(KINDS)}.",
        )
    return kept, skipped


def _read_all(files: Iterable[SourceFile]) -> Iterator[Document]:
    for file in files:
        yield from _READERS[kind_of(file.path)](file)


def _read_text(file: SourceFile) -> Iterator[Document]:
    text = _whole_text(file.path)
    title = PurePosixPath(file.relative).stem
    sections = (Section(title=title, text=text),)
    yield Document(id=file.relative, title=title, source=str(file.path), sections=sections)


def _read_markdown(file: SourceFile) -> Iterator[Document]:
    stem = PurePosixPath(file.relative).stem
    title, sections = read_markdown(_whole_text(file.path), stem)
    yield Document(id=file.relative, title=title, source=str(file.path), sections=sections)


def _read_jsonl(file: SourceFile) -> Iterator[Document]:
    return read_jsonl(file.path)


_READERS: Final[Mapping[str, Callable[[SourceFile], Iterator[Document]]]] = {
    ".txt": _read_text,
    ".md": _read_markdown,
    ".jsonl": _read_jsonl,
    ".jsonl.gz": _read_jsonl,
}


def _whole_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise DocumentError(f"{path} cannot be read: {exc}.") from exc
    # As Python's own text mode would show it, so that offsets fit what people see.
    return decode_utf8(raw, str(path)).replace("\r\n", "\n").replace("\r", "\n")


def _content(document: Document) -> tuple[object, ...]:
    return document.title, document.sections, document.meta


def _summary(skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return ""
    shown = "; ".join(f"{s.place}: {s.count} x {s.reason}" for s in skipped[:3])
    return f" (passed over: {shown}{'; …' if len(skipped) > 3 else ''})"
