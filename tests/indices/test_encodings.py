from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DocumentError
from rag_router.indices.encodings import decode_text


@pytest.mark.parametrize(
    ("text", "encoding", "told"),
    [
        ("Rome", "utf-8", "utf-8"),
        ("Rome", "utf-8-sig", "utf-8"),
        ("Rome, 日本", "utf-16", "utf-16"),
        ("Rome, 日本", "utf-32", "utf-32"),
        ("café noir", "cp1252", "cp1252"),
        ("“Größe” – über Straße", "cp1252", "cp1252"),
        ("Привет, как дела? Это текст.", "cp1251", "cp1251"),
        ("Ελληνικά κείμενο εδώ", "cp1253", "cp1253"),
        ("zażółć gęślą jaźń, to jest polski tekst", "cp1250", "cp1250"),
        ("日本語のテキストです。東京は首都。", "shift_jis", "cp932"),
    ],
)
def test_a_text_is_read_whatever_wrote_it(text, encoding, told):
    assert decode_text(text.encode(encoding), "a.txt") == (text, told)


def test_what_a_file_says_of_itself_is_believed_where_it_can_be_true():
    raw = "Žluťoučký kůň".encode("iso8859-2")
    assert decode_text(raw, "a.html", declared="ISO-8859-2") == ("Žluťoučký kůň", "iso-8859-2")
    # A page that is UTF-8 is UTF-8, whatever it says.
    assert decode_text("Žluť".encode(), "a.html", declared="iso-8859-2")[0] == "Žluť"
    assert decode_text("café".encode("cp1252"), "a.html", declared="no-such")[0] == "café"


def test_utf_8_with_a_broken_byte_is_an_error_that_says_where():
    # Six letters before it, three of them of two bytes: 3 + 2 * 3 = 9.
    raw = "äböcüd".encode() + b"\xff" + "ä".encode()
    with pytest.raises(DocumentError, match=r"a\.txt is not UTF-8: byte 0xff at offset 9\."):
        decode_text(raw, "a.txt")


def test_what_is_no_text_is_an_error():
    with pytest.raises(DocumentError, match=r"a\.txt is not text in any known encoding"):
        decode_text(bytes(range(256)) * 4, "a.txt")
    with pytest.raises(DocumentError, match="begins as UTF-16 and is not, at offset 4"):
        decode_text(b"\xff\xfeA\x00\x00", "a.txt")


@given(st.text())
def test_utf_8_comes_back_as_it_was(text):
    assert decode_text(text.encode(), "a.txt") == (text.removeprefix("\ufeff"), "utf-8")
