"""Bytes to text: UTF-8, with or without a byte order mark, and nothing else."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE

from rag_router.errors import DocumentError

__all__ = ["decode_utf8"]


def decode_utf8(raw: bytes, place: str, *, offset: int = 0) -> str:
    """Decode `raw`.

    Args:
        raw: What was read.
        place: Where from, for the error.
        offset: Where `raw` begins in its file, in bytes.

    Raises:
        DocumentError: it is not UTF-8; the message says where.
    """
    skipped = len(BOM_UTF8) if offset == 0 and raw.startswith(BOM_UTF8) else 0
    try:
        return raw[skipped:].decode("utf-8")
    except UnicodeDecodeError as exc:
        at = skipped + exc.start
        looks = "UTF-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "ISO-8859-1"
        raise DocumentError(
            f"{place} is not UTF-8: byte 0x{raw[at]:02x} at offset {offset + at}.",
            hint=f"Convert it first, for instance: iconv -f {looks} -t UTF-8 FILE > NEW.",
        ) from exc
