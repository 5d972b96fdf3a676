"""SQLite's write-ahead log: some read while another one writes."""

from __future__ import annotations

import sqlite3
import time

__all__ = ["write_ahead"]


def write_ahead(connection: sqlite3.Connection, *, patience_s: float) -> None:
    """Let others read while one writes.

    SQLite waits for a lock by itself, but not when it changes to this mode; then two that open a
    new file at once would meet.

    Args:
        connection: Just opened.
        patience_s: How long others are waited for, in seconds.
    """
    end = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return
