"""The files that vectors lie in: written whole, and read within limits.

vectors.faiss    the faiss index
slots.npy        for each row its place in it, where they differ
originals.npy    the vectors by place, where the faiss index does not keep them
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import IndexCorruptError
from rag_router.indices.vectors.base import VectorCard, Vectors
from rag_router.indices.vectors.choice import KINDS
from rag_router.indices.vectors.library import faiss_library

__all__ = ["ORIGINALS", "SLOTS", "VECTORS", "read_vectors", "write_vectors"]

VECTORS, SLOTS, ORIGINALS = "vectors.faiss", "slots.npy", "originals.npy"

_LIMITS = Lock()
_BYTES_PER_LIST: Final = 8
"""A list that is said to be in the file takes at least that much of it."""


def write_vectors(folder: Path, vectors: Vectors) -> tuple[str, ...]:
    """Write vectors into a folder, and return the names of the files.

    Raises:
        OSError: the disk is full, or cannot be written.
    """
    faiss = faiss_library()
    names = [VECTORS]
    try:
        faiss.write_index(vectors.index, str(folder / VECTORS))
    except RuntimeError as exc:
        raise OSError(f"{folder / VECTORS}: {_first_line(exc)}") from exc
    for name, array in ((SLOTS, vectors.slots), (ORIGINALS, vectors.originals)):
        if array is not None:
            np.save(folder / name, array, allow_pickle=False)
            names.append(name)
    return tuple(names)


def read_vectors(folder: Path, card: VectorCard, dimension: int) -> Vectors:
    """Read files whose sha256 has been checked.

    Raises:
        IndexCorruptError: they hold something else than the card says.
    """
    faiss = faiss_library()
    path = folder / VECTORS
    kind = KINDS.get(card.kind)
    if kind is None:
        raise IndexCorruptError(f"{folder} says its vectors are {card.kind!r}.")
    try:
        with _limited(path.stat().st_size):
            index = faiss.read_index(str(path))
    except (RuntimeError, OSError) as exc:
        raise IndexCorruptError(f"{path} is not a faiss index: {_first_line(exc)}.") from exc
    if not kind.is_one(index) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise IndexCorruptError(f"{path} is not a {card.kind} index of inner products.")
    if index.d != dimension:
        raise IndexCorruptError(f"{path} has dimension {index.d} instead of {dimension}.")
    slots = _array(folder / SLOTS)
    if slots is not None and not _are_places(slots, int(index.ntotal)):
        raise IndexCorruptError(f"{folder / SLOTS} names places that {VECTORS} does not have.")
    originals = _array(folder / ORIGINALS)
    if (originals is None) != kind.keeps_vectors:
        raise IndexCorruptError(f"{folder / ORIGINALS} is missing, or should not be there.")
    if originals is not None and originals.shape != (index.ntotal, dimension):
        raise IndexCorruptError(f"{folder / ORIGINALS} has shape {originals.shape}.")
    return Vectors(index, kind, card, slots=slots, originals=originals)


def _array(path: Path) -> NDArray[Any] | None:
    if not path.exists():
        return None
    try:
        # Mapped: of the vectors, a search touches only the few that it ranks.
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as exc:
        raise IndexCorruptError(f"{path} is not an array: {exc}.") from exc
    return array


def _are_places(slots: NDArray[Any], count: int) -> bool:
    if slots.ndim != 1 or slots.dtype != np.int64 or len(slots) > count:
        return False
    return bool(
        len(np.unique(slots)) == len(slots) and (slots >= 0).all() and (slots < count).all()
    )


def _first_line(exc: Exception) -> str:
    return str(exc).strip().splitlines()[0]


@contextmanager
def _limited(size: int) -> Iterator[None]:
    """Keep faiss from allocating or looping for more than a file of this size can hold."""
    faiss = faiss_library()
    # The limits are one for the whole process, and other libraries may count on theirs.
    with _LIMITS:
        bytes_before = faiss.get_deserialization_vector_byte_limit()
        loops_before = faiss.get_deserialization_loop_limit()
        faiss.set_deserialization_vector_byte_limit(size)
        faiss.set_deserialization_loop_limit(max(1, size // _BYTES_PER_LIST))
        try:
            yield
        finally:
            faiss.set_deserialization_vector_byte_limit(bytes_before)
            faiss.set_deserialization_loop_limit(loops_before)
