"""Which rows of an index meet conditions: asked of SQLite, by JSON's own types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from rag_router.indices.where import Condition, Where

__all__ = ["COLUMNS", "fields_of", "matching_rows"]

COLUMNS: Final[Mapping[str, str]] = {"document": "d.id", "title": "d.title", "source": "d.source"}
"""What every document has, whatever its source said."""

_KEYS: Final = (
    "SELECT DISTINCT j.key FROM documents t, json_each(t.meta) j",
    "SELECT DISTINCT j.key FROM passages t, json_each(t.meta) j",
)
_ROWS: Final = "SELECT p.row FROM passages p JOIN documents d ON d.id = p.document_id"
_TEXT, _NUMBER = "('text')", "('integer', 'real')"


def fields_of(opened: Session) -> set[str]:
    """Return the names of all fields that some document or passage has."""
    found = set(COLUMNS)
    for statement in _KEYS:
        rows = opened.execute(text(statement))
        found.update(str(row[0]) for row in rows)
    return found


def matching_rows(opened: Session, where: Where, size: int) -> NDArray[np.bool_]:
    """Return for each of `size` rows whether its passage meets all conditions."""
    allowed = np.ones(size, dtype=bool)
    for condition in where.conditions:
        met = np.zeros(size, dtype=bool)
        met[_rows(opened, condition)] = True
        allowed &= met
    return allowed


def _rows(opened: Session, condition: Condition) -> NDArray[np.int64]:
    values: dict[str, Any] = {}
    test = _test(condition, values)
    if condition.field in COLUMNS:
        there = f"(SELECT {COLUMNS[condition.field]} AS value, 'text' AS type)"
    else:
        # Its own fields come before those of its document. A list is met by any of its members.
        values["path"] = f"$.{_quoted(condition.field)}"
        there = (
            "json_each(CASE WHEN json_type(p.meta, :path) IS NULL THEN d.meta ELSE p.meta END,"
            " :path)"
        )
    # Nothing of what is asked for stands in the statement itself: it is bound.
    met = f"EXISTS (SELECT 1 FROM {there} j WHERE {test})"  # noqa: S608
    if condition.operator == "!=":
        met = f"NOT {met} AND EXISTS (SELECT 1 FROM {there} j)"  # noqa: S608
    statement = text(f"{_ROWS} WHERE {met}")
    return np.fromiter((row for (row,) in opened.execute(statement, values)), dtype=np.int64)


def _test(condition: Condition, values: dict[str, Any]) -> str:
    """Compare one member of a field; what it is compared with goes into `values`."""
    tests = []
    for number, value in enumerate(condition.alike):
        name = f"v{number}"
        if isinstance(value, bool):
            tests.append(f"j.type = '{str(value).lower()}'")
            continue
        values[name] = value
        types = _TEXT if isinstance(value, str) else _NUMBER
        if condition.operator in {"=", "!=", "in"}:
            tests.append(f"(j.type IN {types} AND j.value = :{name})")
        else:
            tests.append(f"(j.type IN {types} AND j.value {condition.operator} :{name})")
    return " OR ".join(tests)


def _quoted(field: str) -> str:
    """A key of a JSON path; SQLite takes no escapes in it, but reads to the last quote."""
    return f'"{field}"'
