"""Plain text and Markdown, in whatever encoding they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, Section, SourceFile
from rag_router.indices.encodings import decode_text
from rag_router.indices.markdown import read_markdown as parse_markdown

__all__ = ["read_markdown", "read_text"]


def read_text(file: SourceFile) -> Iterator[Document]:
    """Yield the document: one section, called after its file.

    Raises:
        DocumentError: it cannot be read, or is no text.
    """
    text, meta = _whole_text(file.path)
    sections = (Section(title=file.stem, text=text),)
    source = str(file.path)
    yield Document(id=file.relative, title=file.stem, source=source, sections=sections, meta=meta)


def read_markdown(file: SourceFile) -> Iterator[Document]:
    """Yield the document, cut at its headings.

    Raises:
        DocumentError: it cannot be read, or is no text.
    """
    text, meta = _whole_text(file.path)
    title, sections = parse_markdown(text, file.stem)
    source = str(file.path)
    yield Document(id=file.relative, title=title, source=source, sections=sections, meta=meta)


def _whole_text(path: Path) -> tuple[str, dict[str, str]]:
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise DocumentError(f"{path} cannot be read: {exc}.") from exc
    text, encoding = decode_text(raw, str(path))
    # As Python's own text mode would show it, so that offsets fit what people see.
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return plain, {} if encoding == "utf-8" else {"encoding": encoding}
