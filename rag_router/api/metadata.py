"""Conditions on what uploaders said of documents, asked of a list of documents.

They mean what they mean in a search; only there SQLite looks, and here nothing is indexed yet.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from rag_router.indices.where import Condition, Operator, Scalar, Where

__all__ = ["meets"]

_COMPARED: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.eq,
    "in": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def meets(meta: Mapping[str, Any], where: Where) -> bool:
    """Whether metadata meets all conditions; a list is met by any of its members."""
    return all(_met(meta, condition) for condition in where.conditions)


def _met(meta: Mapping[str, Any], condition: Condition) -> bool:
    if condition.field not in meta:
        return False
    said = meta[condition.field]
    members = said if isinstance(said, list) else [said]
    compare = _COMPARED[condition.operator]
    met = any(
        _comparable(member, value) and compare(member, value)
        for member in members
        for value in condition.alike
    )
    return bool(members) and not met if condition.operator == "!=" else met


def _comparable(member: Any, value: Scalar) -> bool:
    """Whether both are text, both numbers, or both true or false."""
    return _kind(member) == _kind(value)


def _kind(value: Any) -> str:
    # True is a number to Python, and none to JSON.
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, int | float) else type(value).__name__
