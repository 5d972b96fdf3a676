"""Anything that questions come from, by name: a file, a folder, or `hf:…`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rag_router.eval.readers.folders import read_folder
from rag_router.eval.readers.formats import read_file
from rag_router.eval.readers.huggingface import read_huggingface
from rag_router.types import Question

__all__ = ["read_source"]


def read_source(source: Path | str, format: str = "auto") -> Iterator[Question]:
    """Yield the questions of a source in order.

    Args:
        source: A file, a folder with question files, or `hf:org/name[:config][@split]`.
        format: The layout of the file or files; "auto" tells by how each begins.

    Raises:
        DataError: something is broken, of no known layout, or an id stands twice.
        UnknownNameError: there is no such format.
        UnavailableError: a named set or the library for it is not to be had.
    """
    if str(source).startswith("hf:"):
        return read_huggingface(str(source))
    path = Path(source)
    return read_folder(path, format) if path.is_dir() else read_file(path, format)
