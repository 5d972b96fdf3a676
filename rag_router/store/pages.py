"""Pages of a list, newest first, and the cursors that lead from one to the next.

A cursor says behind which row the next page begins, and of which list, so that what is added
meanwhile neither doubles nor hides a row.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import Session

from rag_router.errors import UsageError

__all__ = ["Page", "page_of"]

T = TypeVar("T")

_CURSOR: Final = re.compile(r"([a-z]{1,20}):([0-9]{1,18})")
_AT_ONCE: Final = 200
"""Rows that are read at once where not every one is shown."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor of the page behind; None where there is none."""

    rows: Sequence[T]
    next: str | None


def page_of(
    session: Session,
    statement: Select[T],
    number: Any,
    *,
    of: str,
    limit: int,
    cursor: str | None = None,
    shown: Callable[[T], bool] = lambda row: True,
) -> Page[T]:
    """Read one page of a list.

    Args:
        session: Open.
        statement: Selects the rows, those of one tenant.
        number: The column that counts them.
        of: The name of the list; cursors of others are refused.
        limit: Most rows, >= 1.
        cursor: Where the page begins; None is the newest row.
        shown: Whether a row belongs to the list, where the database cannot tell.

    Raises:
        UsageError: the cursor is none of this list.
    """
    behind = None if cursor is None else _read(cursor, of)
    found: list[T] = []
    while len(found) <= limit:
        chosen = statement if behind is None else statement.where(number < behind)
        rows = session.scalars(chosen.order_by(number.desc()).limit(_AT_ONCE)).all()
        found += [row for row in rows if shown(row)]
        if len(rows) < _AT_ONCE:
            break
        behind = getattr(rows[-1], number.key)
    shown_now = found[:limit]
    more = len(found) > limit
    return Page(shown_now, _written(of, getattr(shown_now[-1], number.key)) if more else None)


def _written(of: str, number: int) -> str:
    return base64.urlsafe_b64encode(f"{of}:{number}".encode()).decode().rstrip("=")


def _read(cursor: str, of: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    said = _CURSOR.fullmatch(text)
    if said is None or said[1] != of or _written(of, int(said[2])) != cursor:
        raise UsageError(
            f"{cursor[:40]!r} is no cursor of this list.",
            hint="Give `next` of the page before as it is, or none.",
        )
    return int(said[2])
