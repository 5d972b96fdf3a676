"""PDF: the text of its pages, with page numbers and the headings of its outline.

Lines are joined to paragraphs and words that were divided at a line end are whole again. A
section begins where the outline says that one does, to the page; passages know their pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, Section, SourceFile
from rag_router.settings import DocumentSettings

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

__all__ = ["read_pdf"]

_HEAD: Final = 1024
_TAIL: Final = 64 * 2**10
_NAMED_BY_PROGRAM: Final = re.compile(r"untitled|microsoft word|\.(docx?|indd|dvi|tex)$", re.I)
_DIVIDED: Final = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]\n(?=[a-z\u00df-\u00ff])")
_LINE_END: Final = re.compile(r"(?<!\n)\n(?!\n|\s*[-*•]\s)")
_LEVELS: Final = 6


def read_pdf(file: SourceFile, limits: DocumentSettings) -> Iterator[Document]:
    """Yield the document.

    Raises:
        DocumentError: it is no PDF, cut off, encrypted, scanned, or has too many pages.
    """
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    _require_whole(file)
    try:
        reader = PdfReader(file.path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError(
                f"{file.path} is encrypted and wants a password.",
                hint="Save a copy without a password, for instance: qpdf --decrypt.",
            )
        count = len(reader.pages)
        if count > limits.pages:
            raise DocumentError(
                f"{file.path} has {count} pages, more than {limits.pages}.",
                hint="Set documents.pages higher, or split the file.",
            )
        texts = [_unwrapped(page.extract_text()) for page in reader.pages]
        empty = [n for n, text in enumerate(texts, start=1) if not text]
        pictures = [n for n in empty if _has_picture(reader.pages[n - 1])]
        if len(empty) == count and pictures:
            raise DocumentError(
                f"{file.path}: {count} page(s) and no text: it was scanned.",
                hint="Recognise its text first, for instance: ocrmypdf IN.pdf OUT.pdf.",
            )
        headings = _headings(reader)
        title = _title(reader) or file.stem
    except (PyPdfError, DependencyError) as exc:
        raise DocumentError(f"{file.path} is a broken PDF: {exc}.") from exc
    notes = (f"no text on scanned page(s) {', '.join(map(str, pictures))}",) if pictures else ()
    yield Document(
        id=file.relative,
        title=title,
        source=str(file.path),
        sections=_sections(texts, headings, title),
        meta={"pages": count},
        notes=notes,
    )


def _require_whole(file: SourceFile) -> None:
    with file.path.open("rb") as opened:
        head = opened.read(_HEAD)
        size = opened.seek(0, 2)
        opened.seek(max(0, size - _TAIL))
        tail = opened.read()
    if b"%PDF-" not in head:
        raise DocumentError(f"{file.path} is not a PDF, whatever its name says.")
    # Readers mend what they find of a file that was cut off, and say nothing of the rest.
    if b"startxref" not in tail:
        raise DocumentError(
            f"{file.path} is cut off: the end of a PDF is missing.", hint="Get it again, whole."
        )


def _unwrapped(text: str) -> str:
    """Join the lines of paragraphs, and the halves of words that a line end divides."""
    plain = "\n".join(line.strip() for line in text.replace("\x00", "").splitlines())
    return _LINE_END.sub(" ", _DIVIDED.sub("", plain)).strip()


def _has_picture(page: PageObject) -> bool:
    resources = page.get("/Resources")
    drawn = resources.get_object().get("/XObject") if resources is not None else None
    if drawn is None:
        return False
    return any(one.get_object().get("/Subtype") == "/Image" for one in drawn.get_object().values())


def _title(reader: PdfReader) -> str:
    said = reader.metadata.title if reader.metadata else None
    title = " ".join(str(said or "").split())
    return "" if _NAMED_BY_PROGRAM.search(title) else title


def _headings(reader: PdfReader) -> dict[int, tuple[str, ...]]:
    """The headings that lead to the text from a page on, by the page's place."""
    found: dict[int, tuple[str, ...]] = {}

    def walk(entries: Sequence[Any], above: tuple[str, ...]) -> None:
        path = above
        for entry in entries:
            if isinstance(entry, list):
                if len(path) < _LEVELS:
                    walk(entry, path)
                continue
            name = " ".join(str(entry.title or "").split())
            place = reader.get_destination_page_number(entry)
            path = (*above, name) if name else above
            if place is not None and place >= 0 and name:
                # Of several headings on a page the first is where most of its text belongs.
                found.setdefault(place, path)

    walk(reader.outline, ())
    return found


def _sections(
    texts: Sequence[str], headings: Mapping[int, tuple[str, ...]], title: str
) -> tuple[Section, ...]:
    sections: list[Section] = []
    path: tuple[str, ...] = ()
    parts: list[str] = []
    pages: list[tuple[int, int]] = []
    start = length = 0
    for place, text in enumerate([*texts, ""]):
        ends = place == len(texts)
        if parts and (ends or place in headings):
            names = [title, *(name for name in path if name != title)]
            joined = "".join(parts)
            sections.append(
                Section(title=" > ".join(names), text=joined, start=start, pages=tuple(pages))
            )
            start += len(joined) + 1
            parts, pages, length = [], [], 0
        path = headings.get(place, path)
        if text:
            # A sentence may go on over the page, and so nothing but a space stands between.
            between = " " if parts else ""
            pages.append((length + len(between), place + 1))
            parts += [between, text] if between else [text]
            length += len(between) + len(text)
    return tuple(sections)
