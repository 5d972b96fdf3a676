from __future__ import annotations

import io
import zipfile

import docx
import pytest

from rag_router.errors import DocumentError


def saved(document):
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def parts(document):
    return [(section.title, section.text) for section in document.sections]


def test_paragraphs_and_tables_are_read_in_order_under_their_headings(read):
    made = docx.Document()
    made.core_properties.title = "Annual Report"
    made.add_paragraph("Intro.")
    made.add_heading("Cities", 1)
    made.add_paragraph("Rome is  old.")
    table = made.add_table(2, 2)
    for row, column, text in ((0, 0, "City"), (0, 1, "Land"), (1, 0, "Rome"), (1, 1, "Italy")):
        table.cell(row, column).text = text
    made.add_heading("North", 2)
    made.add_paragraph("Oslo.", style="List Bullet")
    (document,) = read("a.docx", saved(made))
    assert (document.id, document.title) == ("a.docx", "Annual Report")
    assert parts(document) == [
        ("Annual Report", "Intro."),
        ("Annual Report > Cities", "Rome is old.\n\nCity | Land\n\nRome | Italy"),
        ("Annual Report > Cities > North", "Oslo."),
    ]


def test_the_title_is_the_first_heading_where_none_is_set(read):
    made = docx.Document()
    made.core_properties.title = ""
    made.add_heading("Main", 0)
    made.add_paragraph("Text.")
    assert read("a.docx", saved(made))[0].title == "Main"


def test_a_merged_cell_is_read_once(read):
    made = docx.Document()
    made.core_properties.title = "T"
    table = made.add_table(1, 3)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "wide"
    table.cell(0, 2).text = "end"
    assert parts(read("a.docx", saved(made))[0]) == [("T", "wide | end")]


def test_tables_nested_too_deeply_are_refused(read):
    made = docx.Document()
    cell = made.add_table(1, 1).cell(0, 0)
    for _ in range(3):
        cell = cell.add_table(1, 1).cell(0, 0)
    cell.text = "deep"
    with pytest.raises(DocumentError, match="tables are nested more than 3 deep"):
        read("a.docx", saved(made), nesting=3)
    assert "deep" in read("a.docx", saved(made), nesting=4)[0].sections[0].text


def test_a_zip_bomb_is_refused_before_it_is_unpacked(read):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", bytes(3 * 2**20))
    assert len(out.getvalue()) < 10_000
    with pytest.raises(DocumentError, match="would unpack to 3 MiB in 1 parts, more than 2 MiB"):
        read("a.docx", out.getvalue(), unpacked_mb=2)


def test_a_zip_that_lies_about_its_size_is_broken(read):
    made = docx.Document()
    made.add_paragraph("x" * 5000)
    raw = bytearray(saved(made))
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        member = packed.getinfo("word/document.xml")
    # The size stands in the central directory, 24 bytes behind the signature of its entry.
    at = raw.index(b"PK\x01\x02", raw.rindex(b"word/document.xml") - 46)
    assert int.from_bytes(raw[at + 24 : at + 28], "little") == member.file_size
    raw[at + 24 : at + 28] = (100).to_bytes(4, "little")
    with pytest.raises(DocumentError, match="is a broken Word document"):
        read("a.docx", bytes(raw))


def test_entities_of_the_xml_are_not_followed(read):
    made = docx.Document()
    made.core_properties.title = "T"
    made.add_paragraph("before SECRET after")
    old, new = io.BytesIO(saved(made)), io.BytesIO()
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(new, "w") as target:
        for name in source.namelist():
            raw = source.read(name)
            if name == "word/document.xml":
                head, _, body = raw.partition(b"?>")
                doctype = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
                raw = head + b"?>" + doctype + body.replace(b"SECRET", b"&e;")
            target.writestr(name, raw)
    text = read("a.docx", new.getvalue())[0].sections[0].text
    assert text.startswith("before") and "root:" not in text


def test_what_is_no_docx_is_refused(read):
    with pytest.raises(DocumentError, match="encrypted, or an old"):
        read("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(DocumentError, match="is not a Word document, or it is cut off"):
        read("a.docx", "text")
    whole = saved(docx.Document())
    with pytest.raises(DocumentError, match="is not a Word document, or it is cut off"):
        read("a.docx", whole[: len(whole) // 2])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("a.txt", "x")
    with pytest.raises(DocumentError, match="is a broken Word document"):
        read("a.docx", out.getvalue())
