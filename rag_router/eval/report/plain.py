"""Values as JSON data, so that what is written and what is read back are equal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["plain"]


def plain(value: object, where: str = "") -> Any:
    """Return the value as dicts, lists, texts, numbers, booleans and None.

    Tuples become lists, and numpy's scalars and arrays Python's.

    Args:
        value: Anything made of such parts.
        where: Dotted name of the value, for the error.

    Raises:
        ValueError: a part has no place in JSON, such as nan; names the part.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where or 'the value'} is {value}; leave out what does not exist")
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(part, _below(where, key)) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, _below(where, at)) for at, part in enumerate(value)]
    # Numpy's scalars and arrays both offer this, and numpy need not be imported to ask.
    if callable(tolist := getattr(value, "tolist", None)):
        return plain(tolist(), where)
    raise ValueError(f"{where or 'the value'} is {value!r}, which JSON has no place for")


def _below(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)
