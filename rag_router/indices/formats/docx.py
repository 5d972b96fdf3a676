"""Word: paragraphs, lists and tables in their order, with the headings that lead to them.

A .docx is a zip of XML. What it says of its own size is checked before a byte is unpacked, and
no entity of its XML is ever followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile, ZipFile

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, SourceFile
from rag_router.indices.formats.outline import Block, sections_of
from rag_router.settings import DocumentSettings

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

__all__ = ["read_docx"]

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How old Word files begin, and new ones that are encrypted."""

_ENTRIES: Final = 10_000
_HEADING: Final = re.compile(r"heading ([1-6])$", re.IGNORECASE)


def read_docx(file: SourceFile, limits: DocumentSettings) -> Iterator[Document]:
    """Yield the document.

    Raises:
        DocumentError: it is no .docx, encrypted, broken, or unpacks to too much.
    """
    import docx
    from docx.opc.exceptions import OpcError

    _require_harmless(file, limits)
    try:
        opened = docx.Document(str(file.path))
        said = (opened.core_properties.title or "").strip()
        blocks = list(_blocks(opened, file, limits.nesting))
    except (OpcError, KeyError, ValueError, BadZipFile) as exc:
        raise DocumentError(
            f"{file.path} is a broken Word document: {exc}.", hint="Save it again in Word."
        ) from exc
    first = next((block.text for block in blocks if block.level == 1), "")
    title = said or first or file.stem
    yield Document(
        id=file.relative,
        title=title,
        source=str(file.path),
        sections=sections_of(blocks, title),
    )


def _require_harmless(file: SourceFile, limits: DocumentSettings) -> None:
    with file.path.open("rb") as raw:
        if raw.read(len(_OLE)) == _OLE:
            raise DocumentError(
                f"{file.path} is encrypted, or an old .doc under another name.",
                hint="Open it in Word and save it as .docx without a password.",
            )
    try:
        with ZipFile(file.path) as packed:
            members = packed.infolist()
    except BadZipFile as exc:
        raise DocumentError(
            f"{file.path} is not a Word document, or it is cut off: {exc}.",
            hint="Get it again, whole.",
        ) from exc
    # zipfile never unpacks more of a member than is declared here.
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.unpacked_mb * 2**20 or len(members) > _ENTRIES:
        raise DocumentError(
            f"{file.path} would unpack to {unpacked / 2**20:,.0f} MiB in {len(members)} parts, "
            f"more than {limits.unpacked_mb} MiB or {_ENTRIES} parts.",
            hint="Set documents.unpacked_mb higher, if the file can be trusted.",
        )


def _blocks(container: Any, file: SourceFile, deepest: int) -> Iterator[Block]:
    from docx.text.paragraph import Paragraph

    for part in container.iter_inner_content():
        if isinstance(part, Paragraph):
            yield Block(" ".join(part.text.split()), _level(part))
        else:
            for row in _rows(part, file, deepest):
                yield Block(row)


def _level(paragraph: Paragraph) -> int:
    """The level of a heading, by the style's name in any language's Word; 0 is no heading."""
    style = paragraph.style
    while style is not None:
        name = style.name or ""
        if name.lower() == "title":
            return 1
        if found := _HEADING.match(name):
            return int(found[1])
        style = style.base_style
    return 0


def _rows(table: Table, file: SourceFile, deepest: int, depth: int = 1) -> Iterator[str]:
    """One line for each row, and for each row of a table in a cell."""
    if depth > deepest:
        raise DocumentError(f"{file.path}: tables are nested more than {deepest} deep.")
    for row in table.rows:
        cells: list[str] = []
        inner: list[Table] = []
        seen: set[Any] = set()
        for cell in row.cells:
            # A merged cell comes once for each column it spans.
            if cell._tc in seen:
                continue
            seen.add(cell._tc)
            cells.append(" ".join(cell.text.split()))
            inner += cell.tables
        if any(cells):
            yield " | ".join(cells)
        for one in inner:
            yield from _rows(one, file, deepest, depth + 1)
