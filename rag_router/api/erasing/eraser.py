"""Doing what was planned, step by step, by the one process that may."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout

from rag_router.api.erasing.steps import (
    erase_backups,
    erase_files,
    erase_indexes,
    erase_outcomes,
)
from rag_router.errors import BusyError, RagRouterError
from rag_router.store.audit import AuditEntry, add_audit
from rag_router.store.erasures import (
    erasure,
    note_step,
    open_erasures,
    remove_rows_of_document,
    remove_rows_of_tenant,
    renew_plan,
    traces_of,
)
from rag_router.store.scrubbing import scrub
from rag_router.store.service_tables import ErasureRow
from rag_router.telemetry import logger

if TYPE_CHECKING:
    from rag_router.api.resources import Resources

__all__ = ["Eraser"]

_AGAIN_S: Final = 60.0
_LOOKS_EVERY_S: Final = 0.2

Step = Callable[[ErasureRow], Mapping[str, int]]


class Eraser:
    """Carries out erasures.

    Whoever indexes uploads does it, in turn with that: nothing that was erased comes back because
    somebody was just indexing it.

    Args:
        resources: Where everything is kept.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._rests_until: dict[str, float] = {}

    def work(self) -> bool:
        """Carry out what is open, and return whether there was anything to do.

        What cannot be done now is tried again in a minute. Only who holds the worker's lock may
        call it.
        """
        resources, done = self._resources, False
        with resources.database.reading() as session:
            waiting = [row.id for row in open_erasures(session)]
        for id_ in waiting:
            if time.monotonic() < self._rests_until.get(id_, 0.0):
                continue
            done = True
            try:
                self._carry_out(id_)
            except RagRouterError as exc:
                logger.warning("erasure %s is not done yet: %s", id_, exc)
                self._rests_until[id_] = time.monotonic() + _AGAIN_S
                with resources.database.writing() as session:
                    erasure(session, id_).problem = str(exc)
        return done

    def finish(self, id_: str, *, patience_s: float) -> ErasureRow:
        """Carry out an erasure here, or wait for the service that runs to do it.

        Args:
            id_: Of the erasure.
            patience_s: How long another process is waited for.

        Raises:
            RagRouterError: it cannot be done now; what is left is taken up again later.
        """
        resources = self._resources
        lock = FileLock(resources.uploads.lock_path(), timeout=0)
        ends = time.monotonic() + patience_s
        while True:
            try:
                with lock:
                    self._carry_out(id_)
            except Timeout:
                pass
            except RagRouterError as exc:
                with resources.database.writing() as session:
                    erasure(session, id_).problem = str(exc)
                raise
            with resources.database.reading() as session:
                row = erasure(session, id_)
            if row.state == "done":
                return row
            if row.problem or time.monotonic() > ends:
                raise BusyError(
                    row.problem or f"erasure {id_} is not done yet.",
                    hint=f"It goes on by itself; look: rag-router erase show {id_}",
                )
            time.sleep(_LOOKS_EVERY_S)

    def _carry_out(self, id_: str) -> None:
        resources = self._resources
        with resources.database.writing() as session:
            row = erasure(session, id_)
            if row.state == "open":
                row = renew_plan(session, id_)
        if row.state == "open":
            done = {one["step"] for one in row.report}
            failure: RagRouterError | None = None
            for name, step in self._steps().items():
                if name in done:
                    continue
                try:
                    found = step(row)
                except RagRouterError as exc:
                    # The others can go on: the sooner things are gone, the better.
                    failure = failure or exc
                    continue
                if name != "rows":
                    with resources.database.writing() as session:
                        note_step(session, id_, name, found)
            if failure is not None:
                raise failure
            with resources.database.writing() as session:
                row = erasure(session, id_)
                # From here on nobody knows any more what it was called.
                row.plan, row.state = {}, "scrubbing"
        if row.state == "scrubbing":
            scrub(resources.database)
            with resources.database.writing() as session:
                row = erasure(session, id_)
                row.state, row.ended, row.problem = "done", resources.clock(), ""
                row.report = [*row.report, {"step": "database"}]
                if resources.settings.audit.enabled:
                    add_audit(session, [self._line(row)])

    def _steps(self) -> dict[str, Step]:
        resources = self._resources
        home = resources.library.home
        return {
            "indexes": lambda row: erase_indexes(resources.library, row.plan),
            "backups": lambda row: erase_backups(home, row.plan),
            "uploads": lambda row: erase_files(resources.uploads.folder, row.plan["jobs"]),
            "outcomes": lambda row: erase_outcomes(home),
            "rows": self._rows,
        }

    def _rows(self, row: ErasureRow) -> Mapping[str, int]:
        """Remove rows, and note that in the same transaction."""
        plan: Mapping[str, Any] = row.plan
        with self._resources.database.writing() as session:
            if row.kind == "tenant":
                found = remove_rows_of_tenant(session, row.tenant)
            else:
                whose = None if plan["everybody"] else row.tenant
                found = remove_rows_of_document(
                    session,
                    row.tenant,
                    upload=plan["upload"],
                    jobs=plan["jobs"],
                    traces=traces_of(session, whose, plan["names"], plan["documents"]),
                    feedback=plan["feedback"],
                )
            note_step(session, row.id, "rows", found)
        return found

    def _line(self, row: ErasureRow) -> AuditEntry:
        return AuditEntry(
            at=self._resources.clock(),
            tenant=row.tenant,
            key="",
            action=f"erased {row.kind}",
            target=f"{row.id} {row.target}" if row.kind == "tenant" else row.id,
        )
