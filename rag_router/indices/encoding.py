"""Embedding many passages so that a killed addition goes on where it stopped.

Every batch of vectors is kept in a small file until the generation is published, under keys
made of the embedder's fingerprint and the text, so that nothing is ever used for another.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import fingerprint_of
from rag_router.errors import ModelError

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["encode_resumably"]

BATCH = 64


def encode_resumably(
    texts: Sequence[str],
    embedder: Embedder,
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[NDArray[np.float32], int]:
    """Embed passages, and return their vectors and how many texts the embedder had to read.

    Equal texts are embedded once. Texts of like length share a batch, so that little is padded.

    Args:
        texts: Passages.
        embedder: What embeds them.
        folder: Where finished batches are kept; made when needed.
        on_progress: Told after each batch how many distinct texts are done, and of how many.

    Raises:
        ModelError: the embedder's vectors have another shape than it says, or are not numbers.
    """
    keys = [fingerprint_of(embedder.fingerprint, text) for text in texts]
    wanted = dict(zip(keys, texts, strict=True))
    known = _load(folder, wanted.keys(), embedder.dimension)
    missing = sorted(wanted.keys() - known.keys(), key=lambda key: (len(wanted[key]), key))
    on_progress(len(known), len(wanted))
    for begin in range(0, len(missing), BATCH):
        batch = missing[begin : begin + BATCH]
        vectors = _encode([wanted[key] for key in batch], embedder)
        _save(folder, batch, vectors)
        known.update(zip(batch, vectors, strict=True))
        on_progress(len(known), len(wanted))
    matrix = np.zeros((len(keys), embedder.dimension), dtype=np.float32)
    for row, key in enumerate(keys):
        matrix[row] = known[key]
    return matrix, len(missing)


def _encode(texts: Sequence[str], embedder: Embedder) -> NDArray[np.float32]:
    vectors = np.asarray(embedder.encode_passages(texts), dtype=np.float32)
    if vectors.shape != (len(texts), embedder.dimension):
        raise ModelError(
            f"embedder {embedder.name!r} made vectors of shape {vectors.shape} from "
            f"{len(texts)} texts, and says its dimension is {embedder.dimension}."
        )
    if not np.isfinite(vectors).all():
        raise ModelError(f"embedder {embedder.name!r} made vectors that are not numbers.")
    return vectors


def _save(folder: Path, keys: Sequence[str], vectors: NDArray[np.float32]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{uuid4().hex}.part"
    with partial.open("wb") as file:
        np.savez(file, keys=np.asarray(keys), vectors=vectors)
    partial.rename(partial.with_suffix(".npz"))


def _load(folder: Path, wanted: Set[str], dimension: int) -> dict[str, NDArray[np.float32]]:
    known: dict[str, NDArray[np.float32]] = {}
    for path in folder.glob("*.npz"):
        try:
            # A zip carries a checksum of each member; np.load without pickles is safe to read.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as batch:
                keys, vectors = batch["keys"], batch["vectors"]
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            continue  # cut off by a power failure: encoded again
        if vectors.shape == (len(keys), dimension):
            pairs = zip(keys.tolist(), vectors, strict=True)
            known.update((key, vector) for key, vector in pairs if key in wanted)
    return known
