from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag_router.indices.documents import Document, SourceFile
from rag_router.indices.formats.worker import FORMATS
from rag_router.settings import DocumentSettings


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Document]]:
    """Write a file and read it, in this process."""

    def reading(name: str, raw: bytes | str | None = None, **limits: float) -> list[Document]:
        path = tmp_path / name
        if raw is not None:
            path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        file = SourceFile(path=path, relative=name)
        found: Iterator[Document] = FORMATS[path.suffix](file, DocumentSettings(**limits))
        return list(found)

    return reading
