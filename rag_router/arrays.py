"""Arrays that were learned, as a value that can be compared and hashed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import identity_of

__all__ = ["Arrays"]


class Arrays(Mapping[str, NDArray[Any]]):
    """Named arrays, never changed; two with the same names and numbers are equal.

    Args:
        arrays: By name; they are copied.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        self._arrays = {name: np.array(array) for name, array in (arrays or {}).items()}
        for array in self._arrays.values():
            array.setflags(write=False)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arrays) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}: {array.shape}" for name, array in self._arrays.items())
        return f"Arrays({shapes})"

    @cached_property
    def _identity(self) -> str:
        return identity_of(self._arrays)
