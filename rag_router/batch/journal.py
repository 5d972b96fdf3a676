"""What has been answered, in one SQLite file that survives the process at any moment.

A window's answers are committed together, so that a process that is killed loses the window it
was at and nothing else. The key of an answer is the hash of its question and of the facts that it
depends on; an answer that is there is never written again, so nothing is there twice. SQLite
checks its write-ahead log by checksums, and what was not committed whole counts as never written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

from rag_router.batch.items import Done
from rag_router.errors import ConflictError, UnavailableError
from rag_router.store.write_ahead import write_ahead

__all__ = ["Journal"]

_CHUNK: Final = 500
"""Keys in one query; older builds of SQLite take 999."""

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, said TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, failed INTEGER NOT NULL,"
    " line TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS places (number INTEGER PRIMARY KEY, key TEXT NOT NULL)",
)


class Journal:
    """The answers of one job.

    Args:
        path: The file; made if it is not there.

    Raises:
        UnavailableError: the file cannot be opened or is not such a journal.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        with self._translated():
            self._connection = sqlite3.connect(path, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        write_ahead(self._connection, patience_s=10)
        # A crash of the machine may lose the last commits, and never the file.
        self._connection.execute("PRAGMA synchronous=NORMAL")
        for table in _TABLES:
            self._connection.execute(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def bind(self, facts: Mapping[str, str]) -> None:
        """Note what the answers depend on, or make sure that it is still the same.

        Raises:
            ConflictError: it is not; says what has changed.
        """
        with self._transaction():
            before = dict(self._connection.execute("SELECT name, said FROM facts"))
            if not before:
                self._connection.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
                return
        if not all(isinstance(one, str) for fact in before.items() for one in fact):
            raise self._not_ours("a fact is no text")
        changed = [
            f"{name} was {before.get(name, 'not set')}, and is {facts.get(name, 'not set')}"
            for name in sorted(before.keys() | facts.keys())
            if before.get(name) != facts.get(name)
        ]
        if changed:
            raise ConflictError(
                f"{self.path} holds answers of another job: {'; '.join(changed[:5])}.",
                hint="Answers of both would be mixed: use --fresh to drop those that are there, "
                "or name another output.",
            )

    def plan(self, keys: Iterable[tuple[int, str]]) -> tuple[int, int]:
        """Note which answers are wanted, in which order.

        Args:
            keys: Number and key of each.

        Returns:
            How many they are, and how many of them are there.
        """
        with self._transaction():
            self._connection.execute("DELETE FROM places")
            self._connection.executemany("INSERT INTO places VALUES (?, ?)", keys)
            total = self._connection.execute("SELECT count(*) FROM places").fetchone()[0]
            there = self._connection.execute(
                "SELECT count(*) FROM places JOIN answers USING (key) WHERE NOT failed"
            ).fetchone()[0]
        return int(total), int(there)

    def answered(self, keys: Sequence[str]) -> set[str]:
        """Return those keys under which there is an answer."""
        found: set[str] = set()
        with self._translated():
            for at in range(0, len(keys), _CHUNK):
                chunk = keys[at : at + _CHUNK]
                marks = ",".join("?" * len(chunk))
                query = f"SELECT key FROM answers WHERE NOT failed AND key IN ({marks})"  # noqa: S608 - marks only
                found.update(row[0] for row in self._connection.execute(query, chunk))
        return found

    def put(self, done: Sequence[tuple[str, Done]]) -> None:
        """Keep what became of lines, all or nothing; an answer that is there stays as it is.

        Raises:
            UnavailableError: the disk is full, or the file cannot be written.
        """
        rows = [
            (key, one.answer is None, json.dumps(one.to_json(), ensure_ascii=False))
            for key, one in done
        ]
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO answers VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
                " failed = excluded.failed, line = excluded.line WHERE answers.failed",
                rows,
            )

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what is there of what is wanted, in order."""
        with self._translated():
            found = self._connection.execute(
                "SELECT line FROM places JOIN answers USING (key) ORDER BY number"
            )
            while some := list(islice(found, _CHUNK)):
                yield from (self._line(row[0]) for row in some)

    def _line(self, said: Any) -> dict[str, Any]:
        try:
            line = json.loads(said)
        except (ValueError, TypeError, RecursionError) as exc:
            raise self._not_ours(exc) from exc
        if not isinstance(line, dict):
            raise self._not_ours(f"a line is a {type(line).__name__}")
        return line

    def _not_ours(self, why: object) -> UnavailableError:
        return UnavailableError(
            f"the journal {self.path} does not hold what was written: {why}.",
            hint="Use --fresh to begin anew.",
        )

    def failed(self) -> int:
        """Return how many of the lines that are wanted have an error in the answer's place."""
        with self._translated():
            found = self._connection.execute(
                "SELECT count(*) FROM places JOIN answers USING (key) WHERE failed"
            )
            return int(found.fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        # Of a damaged file, SQLite's very complaints may be no text.
        except (sqlite3.Error, OSError, UnicodeError, OverflowError) as exc:
            raise UnavailableError(
                f"the journal {self.path} cannot be used: {exc}.",
                hint="Is the disk full? What was answered before is kept: make room, and run the "
                "same command again.",
            ) from exc
