"""Small files of foreign formats, made by hand so that what is in them is known."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path


def pdf(*pages: Sequence[str], pictures: Sequence[int] = (), title: str = "") -> bytes:
    """A PDF whose pages show these lines; pages numbered in `pictures` show a picture instead."""
    objects: list[bytes] = []

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    def stream(content: bytes, entries: bytes = b"") -> int:
        return add(b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content))

    font = add(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
    image = stream(
        zlib.compress(bytes(64)),
        b"/Type/XObject/Subtype/Image/Width 8/Height 8/ColorSpace/DeviceGray/BitsPerComponent 8"
        b"/Filter/FlateDecode",
    )
    parent = len(objects) + 2 * len(pages) + 1
    kids = []
    for number, lines in enumerate(pages, start=1):
        if number in pictures:
            shown = b"q 500 0 0 500 50 200 cm /Im0 Do Q"
        else:
            rows = "".join(f"({_escaped(line)}) Tj T*\n" for line in lines)
            shown = f"BT /F1 12 Tf 14 TL 72 720 Td\n{rows}ET".encode("cp1252")
        content = stream(shown)
        kids.append(
            add(
                b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
                b"/Resources<</Font<</F1 %d 0 R>>/XObject<</Im0 %d 0 R>>>>>>"
                % (parent, content, font, image)
            )
            if number in pictures
            else add(
                b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
                b"/Resources<</Font<</F1 %d 0 R>>>>>>" % (parent, content, font)
            )
        )
    assert (
        add(
            b"<</Type/Pages/Count %d/Kids[%s]>>"
            % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
        )
        == parent
    )
    root = add(b"<</Type/Catalog/Pages %d 0 R>>" % parent)
    information = add(f"<</Title({_escaped(title)})>>".encode("cp1252"))
    return _assembled(objects, root, information)


def _assembled(objects: Sequence[bytes], root: int, information: int) -> bytes:
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root %d 0 R/Info %d 0 R>>\n"
        b"startxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, root, information, len(out))
    )


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def outlined(path: Path, headings: Sequence[tuple[str, int, int | None]]) -> None:
    """Give a PDF an outline: (heading, place of its page, place of the heading above it)."""
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=path)
    entries: list[object] = []
    for name, page, above in headings:
        parent = None if above is None else entries[above]
        entries.append(writer.add_outline_item(title=name, page_number=page, parent=parent))
    writer.write(path)


def encrypted(path: Path, password: str) -> None:
    """Encrypt a PDF, so that it opens with this password only; an empty one opens it for all."""
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=path)
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    writer.write(path)
