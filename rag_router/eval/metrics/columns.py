"""Columns of figures, checked before anything is computed from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError

__all__ = ["figures", "flags", "same_length", "shares", "table"]


def figures(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return finite numbers, shape (n,) with n >= 1.

    Raises:
        DataError: there are none, they are no column of numbers, or one is NaN or infinite.
    """
    return _checked(name, values, dimensions=1)


def shares(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return numbers in [0, 1], shape (n,) with n >= 1: probabilities, or how right something is.

    Raises:
        DataError: as for `figures`, or one lies outside.
    """
    return _within(name, figures(name, values))


def flags(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    """Return booleans, shape (n,) with n >= 1.

    Raises:
        DataError: there are none, or one is neither true nor false.
    """
    column = figures(name, values)
    _refuse(name, "neither 0 nor 1", (column != 0) & (column != 1), column)
    return np.asarray(column, dtype=np.bool_)


def table(name: str, values: ArrayLike, *, within: bool = False) -> NDArray[np.float64]:
    """Return finite numbers, shape (n, m) with n, m >= 1.

    Args:
        name: What to call them in an error.
        values: Rows of equal length.
        within: Whether they have to lie in [0, 1].

    Raises:
        DataError: as for `figures` and `shares`.
    """
    rows = _checked(name, values, dimensions=2)
    return _within(name, rows) if within else rows


def same_length(**columns: NDArray[np.generic]) -> int:
    """Return how many rows all the columns have.

    Raises:
        DataError: they differ.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise DataError(f"columns of different length: {said}.", hint="Give one per question.")
    return next(iter(lengths.values()))


def _checked(name: str, values: ArrayLike, *, dimensions: int) -> NDArray[np.float64]:
    try:
        column = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise DataError(f"{name} are not numbers of one shape: {exc}.") from exc
    if column.size == 0:
        raise DataError(f"there are no {name}.", hint="Give at least one row.")
    if column.ndim != dimensions:
        raise DataError(f"{name} have shape {column.shape}; expected {dimensions} dimension(s).")
    _refuse(name, "NaN or infinite", ~np.isfinite(column), column)
    return column


def _within(name: str, column: NDArray[np.float64]) -> NDArray[np.float64]:
    _refuse(name, "outside 0 to 1", (column < 0) | (column > 1), column)
    return column


def _refuse(name: str, fault: str, odd: NDArray[np.bool_], column: NDArray[np.float64]) -> None:
    if not odd.any():
        return
    first = np.argwhere(odd)[0]
    where = f"row {first[0]}" + (f", column {first[1]}" if len(first) > 1 else "")
    raise DataError(
        f"{name}: {int(odd.sum())} of {column.size} are {fault}, "
        f"the first in {where} (counted from 0): {column[tuple(first)]:g}."
    )
