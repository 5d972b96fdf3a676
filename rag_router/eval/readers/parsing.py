"""Bytes to text to JSON, where everything that is wrong becomes a DataError with its place."""

from __future__ import annotations

import json
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path
from typing import Any, NoReturn

from rag_router.errors import DataError

__all__ = ["decode", "parse_json"]


def decode(raw: bytes, place: str, *, first: bool) -> str:
    """Read bytes as UTF-8.

    Args:
        raw: What was read.
        place: Where it stands, for the error.
        first: Whether it begins its file and may begin with a byte order mark.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        return raw.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError as exc:
        skipped = len(BOM_UTF8) if first and raw.startswith(BOM_UTF8) else 0
        looks = "UTF-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "ISO-8859-1"
        raise DataError(
            f"{place}: not UTF-8: byte 0x{exc.object[exc.start]:02x} "
            f"at offset {exc.start + skipped}.",
            hint=f"Convert it first, for instance: iconv -f {looks} -t UTF-8 FILE > NEW.",
        ) from exc


def parse_json(text: str, path: Path, line: int, layout: str) -> Any:
    """Read a text as JSON proper: no NaN, no half characters.

    Args:
        text: What to read.
        path: Its file.
        line: The line that it begins in, from 1.
        layout: What it should look like, for the error.

    Raises:
        DataError: it is not JSON; names file and line.
    """
    place = f"{path}:{line}"
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as exc:
        place = f"{path}:{line + exc.lineno - 1}"
        raise DataError(f"{place}: not JSON: {exc.msg} (column {exc.colno}).", hint=layout) from exc
    except UnicodeEncodeError as exc:
        raise DataError(
            f"{place}: half a character ({exc.object[exc.start]!a}).",
            hint="A \\ud800-\\udfff escape must come in pairs; write the text again as UTF-8.",
        ) from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"{place}: not JSON: {exc}.", hint=layout) from exc
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
