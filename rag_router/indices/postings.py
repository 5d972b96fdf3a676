"""Which passages hold each term, and what that adds to their scores: three arrays and a table.

    rows[starts[t] : starts[t + 1]]     the passages that hold term t, ascending
    scores[starts[t] : starts[t + 1]]   what it adds to the score of each

They come from BM25+ (Lv and Zhai 2011, doi 10.1145/2063576.2063584):

    score(q, d) = sum over terms t of q that stand in d:
                  idf(t) * (delta + tf * (k1 + 1) / (k1 * (1 - b + b * |d| / avgdl) + tf))
    idf(t) = ln((N + 1) / df(t)),  k1 = 1.5, b = 0.75, delta = 1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import IndexCorruptError

__all__ = ["DELTA", "K1", "B", "Postings", "read_postings", "write_postings"]

K1: Final = 1.5
B: Final = 0.75
DELTA: Final = 1.0

_SHAPES: Final = {"terms": np.uint8, "starts": np.int64, "rows": np.int32, "scores": np.float32}


@dataclass(frozen=True, slots=True)
class Postings:
    """The inverted lists of some passages.

    Attributes:
        size: How many passages there are.
        numbers: Of each term.
        starts: Where the list of each term begins, and where the last one ends.
        rows: The lists, one after another.
        scores: As long as `rows`, all above 0.
    """

    size: int
    numbers: Mapping[str, int]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def empty(cls, size: int) -> Postings:
        """Passages without a single term."""
        return cls(
            size,
            {},
            np.zeros(1, dtype=np.int64),
            np.zeros(0, dtype=np.int32),
            np.zeros(0, dtype=np.float32),
        )

    def known(self, terms: Sequence[str]) -> list[int]:
        """Return the numbers of those terms that some passage holds, repeated ones too."""
        numbers = (self.numbers.get(term) for term in terms)
        return [number for number in numbers if number is not None]

    def rows_of(self, number: int) -> NDArray[np.int32]:
        return self.rows[self.starts[number] : self.starts[number + 1]]

    def holds(self, number: int, row: int) -> bool:
        """Tell whether a passage holds a term."""
        rows = self.rows_of(number)
        at = int(np.searchsorted(rows, row))
        return at < len(rows) and bool(rows[at] == row)


def write_postings(path: Path, postings: Postings) -> None:
    """Write postings into a new file; terms hold no line breaks, being words.

    Raises:
        OSError: the disk is full, or cannot be written.
    """
    from safetensors.numpy import save

    terms = "\n".join(postings.numbers).encode()
    arrays: dict[str, NDArray[Any]] = {
        "terms": np.frombuffer(terms, dtype=np.uint8),
        "starts": postings.starts,
        "rows": postings.rows,
        "scores": postings.scores,
    }
    path.write_bytes(save({k: np.ascontiguousarray(v) for k, v in arrays.items()}))


def read_postings(path: Path, size: int) -> Postings:
    """Read a file whose sha256 has been checked.

    Args:
        path: From `write_postings`.
        size: How many passages there are.

    Raises:
        IndexCorruptError: its parts do not fit each other, or the number of passages.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(str(path))
        names = arrays["terms"].tobytes().decode().split("\n") if arrays["terms"].size else []
        found = Postings(
            size,
            {term: number for number, term in enumerate(names)},
            arrays["starts"],
            arrays["rows"],
            arrays["scores"],
        )
    except (OSError, SafetensorError, KeyError, UnicodeDecodeError) as exc:
        raise IndexCorruptError(f"{path} holds no terms: {exc}.") from exc
    typed = all(arrays[name].dtype == dtype for name, dtype in _SHAPES.items())
    if not typed or not _fit(found, len(names)):
        raise IndexCorruptError(f"{path} does not fit itself, or the {size} passages.")
    return found


def _fit(postings: Postings, terms: int) -> bool:
    starts, rows = postings.starts, postings.rows
    if len(postings.numbers) != terms or starts.shape != (terms + 1,):
        return False
    if starts[0] != 0 or starts[-1] != len(rows) or (np.diff(starts) < 0).any():
        return False
    if rows.shape != postings.scores.shape:
        return False
    return bool(not len(rows) or (rows.min() >= 0 and rows.max() < postings.size))
