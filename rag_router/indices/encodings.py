"""Bytes to text, whatever wrote them: UTF-8 first, then a byte order mark, then a good guess.

The guess is charset-normalizer's, which weighs how much mess and how much language each encoding
would make of the bytes. Where Windows-1252 reads as well as its first choice, that is taken: of
short western texts many encodings make the same sense, and it is by far the commonest of them.
"""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE

from rag_router.errors import DocumentError
from rag_router.indices.utf8 import decode_utf8

__all__ = ["decode_text"]

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (BOM_UTF32_LE, "utf-32"),
    (BOM_UTF32_BE, "utf-32"),
    (BOM_UTF16_LE, "utf-16"),
    (BOM_UTF16_BE, "utf-16"),
)


def decode_text(raw: bytes, place: str, *, declared: str = "") -> tuple[str, str]:
    """Decode `raw`, and say which encoding it was read as.

    Args:
        raw: A whole file.
        place: Where from, for the error.
        declared: What the file itself says its encoding is; believed where it can be true.

    Raises:
        DocumentError: it is UTF-8 with broken bytes in it, or no text at all.
    """
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return _decoded(raw, name, place), name
    try:
        return raw.removeprefix(BOM_UTF8).decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    if declared and (read := _as_declared(raw, declared)) is not None:
        return read, declared.lower()
    if _is_damaged_utf8(raw):
        decode_utf8(raw, place)  # raises, and says where
    return _guessed(raw, place)


def _decoded(raw: bytes, name: str, place: str) -> str:
    try:
        return raw.decode(name)
    except UnicodeDecodeError as exc:
        raise DocumentError(
            f"{place} begins as {name.upper()} and is not, at offset {exc.start}.",
            hint="The file was cut off or damaged; save it again as UTF-8.",
        ) from exc


def _as_declared(raw: bytes, declared: str) -> str | None:
    try:
        return raw.decode(declared)
    except (LookupError, UnicodeError):
        return None


def _is_damaged_utf8(raw: bytes) -> bool:
    """Tell a UTF-8 text with a few broken bytes from a text in another encoding.

    In other encodings, bytes hardly ever fall into the patterns of UTF-8 by chance.
    """
    read = raw.decode("utf-8", errors="replace")
    broken = read.count("\ufffd")
    whole = sum(character > "\x7f" for character in read) - broken
    return whole > broken


def _guessed(raw: bytes, place: str) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    matches = from_bytes(raw)
    best = matches.best()
    if best is None:
        raise DocumentError(
            f"{place} is not text in any known encoding.",
            hint="Is it another kind of file under this name? Otherwise save it as UTF-8.",
        )
    for match in matches:
        is_as_good = match.chaos <= best.chaos and match.coherence >= best.coherence
        western = {"cp1252", "latin_1"} & {match.encoding, *match.could_be_from_charset}
        if is_as_good and western and (read := _as_declared(raw, "cp1252")) is not None:
            return read, "cp1252"
    return str(best), best.encoding
