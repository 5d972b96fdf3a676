"""Reports on disk: `report.html`, `report.json` and one PNG for each figure.

Everything is made before anything is touched, written beside its place, flushed, and moved into
it by one rename each, the page last. A run that dies on the way leaves the old page whole.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import TypeAdapter, ValidationError

from rag_router.errors import DataError, UnavailableError
from rag_router.eval.report.document import Report
from rag_router.eval.report.page import page_of
from rag_router.eval.report.plots import png_of

__all__ = ["HTML", "JSON", "read_report", "require_libraries", "write_report"]

HTML: Final = "report.html"
JSON: Final = "report.json"

_FORMAT: Final = 1
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def _store(file: BinaryIO, content: bytes) -> None:
    file.write(content)


def require_libraries() -> None:
    """Make sure that a report could be written, before a long run is begun.

    Raises:
        UnavailableError: a library that draws or writes is not installed.
    """
    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if missing:
        raise UnavailableError(
            f"reports need {' and '.join(missing)}.", hint="Run: pip install 'rag-router[eval]'"
        )


def write_report(
    report: Report, folder: Path, *, store: Callable[[BinaryIO, bytes], object] = _store
) -> tuple[Path, ...]:
    """Write a report, in place of an earlier one if there is one.

    Args:
        report: What to write.
        folder: Made where it does not exist; other files in it are left alone, except the
            pictures of the earlier report that this one no longer has.
        store: How bytes get into an open file.

    Returns:
        The pictures in their order, the JSON file, and the page.

    Raises:
        UnavailableError: the folder cannot be written, or a library is not installed.
    """
    require_libraries()
    contents = {name: png_of(one) for name, one in zip(_names(report), report.figures, strict=True)}
    contents[JSON] = _json(report)
    contents[HTML] = page_of(report).encode("utf-8", "replace")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stale = _pictures_of_earlier(folder) - contents.keys()
        with tempfile.TemporaryDirectory(dir=folder, prefix=".report-") as beside:
            for name, content in contents.items():
                with (Path(beside) / name).open("wb") as file:
                    store(file, content)
                    file.flush()
                    os.fsync(file.fileno())
            for name in contents:
                (Path(beside) / name).replace(folder / name)
        for name in stale:
            (folder / name).unlink(missing_ok=True)
    except OSError as exc:
        raise UnavailableError(
            f"{folder} cannot be written: {exc.strerror or exc}.", hint="Choose another folder."
        ) from exc
    return tuple(folder / name for name in contents)


def read_report(folder: Path) -> Report:
    """Read back what was written.

    Raises:
        DataError: there is no report, or it is not one that this version can read.
    """
    path = folder / JSON
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        version = tree.pop("format", None) if isinstance(tree, dict) else None
        if version != _FORMAT:
            raise DataError(f"{path} has format {version!r}.", hint=f"Known: {_FORMAT}.")
        return TypeAdapter(Report).validate_python(tree)
    except ValidationError as exc:
        problem = exc.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise DataError(f"{path} is not a report: {where}: {problem['msg']}.") from exc
    except (OSError, ValueError) as exc:
        raise DataError(f"{path} cannot be read: {exc}.", hint="Run the evaluation again.") from exc


def _json(report: Report) -> bytes:
    text = json.dumps({"format": _FORMAT, **asdict(report)}, ensure_ascii=False, indent=1)
    # UTF-8 cannot write half a character; JSON can say it.
    return (_SURROGATES.sub(lambda half: f"\\u{ord(half[0]):04x}", text) + "\n").encode()


def _names(report: Report) -> list[str]:
    """A name for each picture; the number in front keeps two of the same title apart."""
    return [f"{at:02d}-{_slug(one.title)}.png" for at, one in enumerate(report.figures, start=1)]


def _slug(title: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:60].strip("-") or "figure"


def _pictures_of_earlier(folder: Path) -> set[str]:
    with suppress(DataError):
        return set(_names(read_report(folder)))
    return set()
