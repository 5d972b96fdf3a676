"""Writing the audit log without keeping anybody waiting.

What happened is put into a queue, and a thread adds it to the chain twice a second, together
with whatever else happened meanwhile. So a request pays microseconds, and a process that is killed
takes what it has not written along: half a second's worth. What must not be lost is written
at once, by `add_audit` in the transaction that does it. Every line of this queue is mirrored in
the log of the process, with its number and its hash, and without words.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from rag_router import telemetry
from rag_router.errors import BusyError, UnavailableError
from rag_router.store.audit import AuditEntry, add_audit, forget_audit
from rag_router.store.erasures import without_erased_words
from rag_router.store.service_tables import AuditRow
from rag_router.store.spending import DAY_S
from rag_router.telemetry import logger

__all__ = ["AuditLog", "mirror"]

_EVERY_S: Final = 0.5
_MOST_WAITING: Final = 50_000
_AT_ONCE: Final = 1000
_TIDIES_EVERY_S: Final = 600.0

_lines: Final = logging.getLogger("rag_router.audit")


class AuditLog:
    """The queue before the audit log.

    Args:
        noting: Opens the database for writing.
        clock: Seconds since 1970.
        days: For how long lines are kept; None is for ever.
        every_s: How often it is written, in seconds.
    """

    def __init__(
        self,
        noting: Callable[[], AbstractContextManager[Session]],
        clock: Callable[[], float],
        *,
        days: float | None = None,
        every_s: float = _EVERY_S,
    ) -> None:
        self._noting, self._every_s = noting, every_s
        self._clock, self._days = clock, days
        self._waiting: deque[AuditEntry] = deque()
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, entry: AuditEntry) -> None:
        """Have something written soon.

        While the database does not answer, so many lines wait; later ones stand in the log of the
        process alone.
        """
        if len(self._waiting) >= _MOST_WAITING:
            telemetry.count(telemetry.DEGRADED, stage="audit")
            logger.error("not in the audit log: %s", json.dumps(_said(entry)))
            return
        self._waiting.append(entry)

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="rag-router-audit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(10.0)
            self._thread = None
        self.flush()

    def flush(self) -> None:
        """Write what waits now; what cannot be written goes on waiting."""
        with self._turn:
            while self._waiting:
                entries = [
                    self._waiting[number] for number in range(min(len(self._waiting), _AT_ONCE))
                ]
                try:
                    with self._noting() as session:
                        rows = add_audit(session, without_erased_words(session, entries))
                except (BusyError, UnavailableError) as exc:
                    logger.warning("the audit log waits: %s", exc)
                    return
                for _ in entries:
                    self._waiting.popleft()
                mirror(rows)

    def tidy(self) -> None:
        """Forget lines that were kept long enough.

        Raises:
            UnavailableError: the database cannot be used.
        """
        if self._days is not None:
            with self._noting() as session:
                forget_audit(session, before=self._clock() - self._days * DAY_S)

    def _run(self) -> None:
        tidied = float("-inf")
        while not self._stopped.wait(self._every_s):
            try:
                self.flush()
                if time.monotonic() - tidied > _TIDIES_EVERY_S:
                    tidied = time.monotonic()
                    self.tidy()
            except Exception:  # noqa: BLE001  # nothing may stay unwritten from here on
                logger.exception("the audit log could not be written")


def mirror(rows: Sequence[AuditRow]) -> None:
    """Write lines of the audit log into the log of the process, as JSON and without words."""
    if not _lines.isEnabledFor(logging.INFO):
        return
    for row in rows:
        said = {
            "audit": row.number,
            "at": datetime.fromtimestamp(row.at, UTC).isoformat(),
            "tenant": row.tenant,
            "key": row.key,
            "action": row.action,
            "target": row.target,
            "outcome": row.outcome,
            "status": row.status,
            "request_id": row.request,
            "hash": row.hash,
        }
        _lines.info("%s", json.dumps(said))


def _said(entry: AuditEntry) -> dict[str, str | int | float]:
    return {
        "at": entry.at,
        "tenant": entry.tenant,
        "key": entry.key,
        "action": entry.action,
        "target": entry.target,
        "outcome": entry.outcome,
        "status": entry.status,
        "request_id": entry.request,
    }
