from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_router.indices import Library
from rag_router.models.scripted_embedder import HashingEmbedder


class CountingEmbedder(HashingEmbedder):
    """Remembers which passages it was asked to read."""

    read: list[str]

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read.extend(texts)
        return super().encode_passages(texts)


@pytest.fixture
def embedder() -> CountingEmbedder:
    counting = CountingEmbedder()
    object.__setattr__(counting, "read", [])
    return counting


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "home", lock_timeout_s=0.1)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "rome.md").write_text(
        "# Rome\n\nRome is the capital of Italy.\n\n## River\n\nTiber.\n"
    )
    (folder / "paris.txt").write_text("Paris is the capital of France.")
    return folder


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: dict[str, object], name: str = "corpus.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write
