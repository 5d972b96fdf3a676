from __future__ import annotations

import pytest
from made import encrypted, outlined, pdf

from rag_router.errors import DocumentError
from rag_router.indices.documents import Section


def test_lines_are_joined_words_made_whole_and_pages_known(read):
    made = pdf(
        ["Rome is the capi-", "tal of Italy. It lies", "on the Tiber"],
        ["and is old."],
        title="Capitals",
    )
    (document,) = read("a.pdf", made)
    first = "Rome is the capital of Italy. It lies on the Tiber"
    assert (document.title, document.meta) == ("Capitals", {"pages": 2})
    assert document.sections == (
        Section(
            title="Capitals",
            text=f"{first} and is old.",
            pages=((0, 1), (len(first) + 1, 2)),
        ),
    )


def test_a_passage_knows_the_pages_it_stands_on(read):
    (document,) = read("a.pdf", pdf(["One."], ["Two."], ["Three."]))
    (section,) = document.sections  # "One. Two. Three."
    assert section.pages_of(0, 4) == {"page": 1}
    assert section.pages_of(5, 9) == {"page": 2}
    assert section.pages_of(0, 16) == {"page": 1, "last_page": 3}


def test_the_outline_gives_the_headings(read, tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf(["Preface."], ["Rome."], ["Oslo."], ["Bergen."]))
    outlined(tmp_path / "a.pdf", [("Cities", 1, None), ("North", 2, 0), ("West", 3, 1)])
    (document,) = read("a.pdf")
    assert [(s.title, s.text, s.start) for s in document.sections] == [
        ("a", "Preface.", 0),
        ("a > Cities", "Rome.", 9),
        ("a > Cities > North", "Oslo.", 15),
        ("a > Cities > North > West", "Bergen.", 21),
    ]


def test_a_title_that_a_program_gave_is_none(read):
    made = pdf(["x"], title="Microsoft Word - report.doc")
    assert read("report.pdf", made)[0].title == "report"


def test_an_encrypted_pdf_is_refused_unless_it_opens_for_everybody(read, tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf(["Rome."]))
    encrypted(tmp_path / "a.pdf", "secret")
    with pytest.raises(DocumentError, match="is encrypted and wants a password"):
        read("a.pdf")
    (tmp_path / "b.pdf").write_bytes(pdf(["Rome."]))
    encrypted(tmp_path / "b.pdf", "")
    assert read("b.pdf")[0].sections[0].text == "Rome."


def test_a_scanned_pdf_is_refused_and_scanned_pages_are_told(read):
    with pytest.raises(DocumentError, match=r"2 page\(s\) and no text: it was scanned") as caught:
        read("a.pdf", pdf([], [], pictures=[1, 2]))
    assert "ocrmypdf" in caught.value.hint
    (document,) = read("b.pdf", pdf(["Text."], [], [], pictures=[2]))
    assert document.notes == ("no text on scanned page(s) 2",)
    assert read("c.pdf", pdf([]))[0].is_blank


def test_a_pdf_that_was_cut_off_is_refused(read):
    whole = pdf(["Rome."] * 5, ["Oslo."])
    for kept in (200, len(whole) // 2, len(whole) - 40):
        with pytest.raises(DocumentError, match="is cut off"):
            read("a.pdf", whole[:kept])


def test_what_is_no_pdf_is_refused(read):
    with pytest.raises(DocumentError, match="is not a PDF"):
        read("a.pdf", "<html>")
    with pytest.raises(DocumentError, match="is not a PDF"):
        read("a.pdf", "")


def test_too_many_pages_are_refused(read):
    with pytest.raises(DocumentError, match="has 3 pages, more than 2"):
        read("a.pdf", pdf(["a"], ["b"], ["c"]), pages=2)
