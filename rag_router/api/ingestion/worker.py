"""The one who indexes: a thread that does what was promised, in order, and nothing twice.

Of all processes that share a home one works; the others wait for its lock, which the system takes
back from whoever dies. What was running then is begun again. Nobody can tell who killed a process:
a job at which it died several times is tried alone, and only once the service has stood for a while
without it, so that one that is killed all the time, or is killed by one document, loses no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout
from sqlalchemy import select

from rag_router.api.ingestion.files import UploadFolder
from rag_router.api.ingestion.putting import Reading, put, read_upload, remove_index, take_out
from rag_router.errors import (
    BusyError,
    DocumentError,
    RagRouterError,
    UnavailableError,
)
from rag_router.indices.library import Library
from rag_router.settings import DocumentSettings, StoreSettings
from rag_router.store.collections import collection
from rag_router.store.database import ServiceDatabase
from rag_router.store.dropping import forget_collection, jobs_before
from rag_router.store.jobs import begin_jobs, end_job, give_back, take_up_again
from rag_router.store.replies import forget_replies
from rag_router.store.service_tables import JobRow
from rag_router.store.traces import forget_traces
from rag_router.store.uploads import named_by_others, upload
from rag_router.telemetry import logger

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["Worker"]

_AT_ONCE: Final = 64
"""Documents in one generation."""

_PROVEN_S: Final = 10.0
"""How long the service stands before it tries again at what it has died several times."""

_LOOKS_EVERY_S: Final = 1.0
_TIDIES_EVERY_S: Final = 600.0
_STILL_SENDING_S: Final = 3600.0
_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3_600.0


class Worker:
    """Indexes what was uploaded, and forgets what was kept long enough.

    Args:
        database: Where jobs stand.
        library: Where indexes are.
        uploads: Where files wait.
        embedder: Returns what embeds passages; raises BusyError while it is not there yet.
        limits: What is refused of files.
        keeping: For how long things are kept.
        clock: Seconds since 1970.
        first: Does what goes before all uploads, and returns whether there was anything to do.
        proven_s: For how many seconds it works on other things before it begins what it has died
            at several times.
    """

    def __init__(
        self,
        database: ServiceDatabase,
        library: Library,
        uploads: UploadFolder,
        embedder: Callable[[], Embedder],
        *,
        limits: DocumentSettings | None = None,
        keeping: StoreSettings | None = None,
        clock: Callable[[], float] = time.time,
        first: Callable[[], bool] = lambda: False,
        proven_s: float = _PROVEN_S,
    ) -> None:
        self._first = first
        self._proven_s, self._since = proven_s, time.monotonic()
        self._doing: Sequence[JobRow] = ()
        self._database = database
        self._library = library
        self._uploads = uploads
        self._embedder = embedder
        self._limits = limits or DocumentSettings()
        self._keeping = keeping or StoreSettings()
        self._clock = clock
        self._stopped, self._called = Event(), Event()
        self._thread: Thread | None = None
        self.trouble = ""
        """What keeps it from working, in words; empty where nothing does."""

    def start(self) -> None:
        """Begin to work, in a thread of its own."""
        self._thread = Thread(target=self._run, name="rag-router-ingestion", daemon=True)
        self._thread.start()

    def call(self) -> None:
        """Say that there is something to do."""
        self._called.set()

    def stop(self, *, patience_s: float = 10.0) -> None:
        """Ask it to end after what it is doing, and wait for a while; what is left waits again."""
        self._stopped.set()
        self._called.set()
        if self._thread is None:
            return
        self._thread.join(patience_s)
        if self._thread.is_alive():
            # An end in order says nothing against what it interrupts.
            with suppress(UnavailableError), self._database.writing() as session:
                give_back(session, self._doing)

    def take_up(self) -> None:
        """Let everything wait again that was left running, and sweep what belongs to nothing."""
        with self._database.writing() as session:
            left = take_up_again(session, now=self._clock())
            chosen = select(JobRow.id).where(JobRow.state.in_(("waiting", "running")))
            open_ = set(session.scalars(chosen))
        if left:
            logger.warning("%d job(s) were left half done, and are begun again", left)
        self._uploads.sweep(open_, older_than=self._clock() - _STILL_SENDING_S)
        self._since = time.monotonic()

    def step(self) -> bool:
        """Do what is next, and return whether there was anything to do.

        Raises:
            BusyError: it cannot be done now; it waits.
            UnavailableError: the database cannot be used.
        """
        proven = time.monotonic() - self._since >= self._proven_s
        with self._database.writing() as session:
            jobs = begin_jobs(session, most=_AT_ONCE, now=self._clock(), suspects=proven)
        if not jobs:
            return False
        self._doing = jobs
        try:
            if jobs[0].kind == "remove":
                self._remove(jobs[0])
            elif jobs[0].kind == "drop":
                self._drop(jobs[0])
            else:
                self._put(jobs)
        except BusyError:
            with self._database.writing() as session:
                give_back(session, jobs)
            raise
        return True

    def tidy(self) -> None:
        """Forget traces and replies that were kept long enough."""
        now, keeping = self._clock(), self._keeping
        with self._database.writing() as session:
            forget_traces(
                session, before=now - keeping.trace_days * _DAY_S, most=keeping.trace_count
            )
            forget_replies(session, before=now - keeping.reply_hours * _HOUR_S)

    def _run(self) -> None:
        lock = FileLock(self._uploads.lock_path(), timeout=0)
        while not self._stopped.is_set():
            try:
                with lock:
                    self.take_up()
                    self._work()
            except Timeout:
                self._rest(_LOOKS_EVERY_S)
            except Exception as exc:  # noqa: BLE001  # what was begun is begun again, a few times
                self._in_trouble(exc)

    def _work(self) -> None:
        tidied = float("-inf")
        while not self._stopped.is_set():
            if time.monotonic() - tidied > _TIDIES_EVERY_S:
                self.tidy()
                tidied = time.monotonic()
            self._called.clear()
            try:
                busy = self._first() or self.step()
                self.trouble = ""
            except BusyError as exc:
                logger.info("indexing waits: %s", exc)
                busy = False
            if not busy:
                self._rest(_LOOKS_EVERY_S)

    def _put(self, jobs: Sequence[JobRow]) -> None:
        """Index what can be read; what cannot fails alone."""
        readings: list[Reading] = []
        for job in jobs:
            try:
                readings.append(self._read(job, readings))
            except Exception as exc:  # noqa: BLE001  # whatever a file may bring about
                self._end(job, _told(exc))
        self._publish(readings)

    def _publish(self, readings: Sequence[Reading]) -> None:
        """Publish together what can be, and else each alone, so that one fails for itself."""
        if not readings:
            return
        self._claim(readings)
        try:
            index = self._index_of(readings[0].job)
            passages = put(self._library, index, readings, self._embedder())
        except BusyError:
            raise
        except Exception as exc:  # noqa: BLE001  # whatever a document may bring about
            if len(readings) > 1:
                for reading in readings:
                    self._publish([reading])
                return
            self._withdraw_claim(readings[0])
            self._end(readings[0].job, _told(exc))
            return
        with self._database.writing() as session:
            for reading in readings:
                row = upload(session, reading.job.tenant, reading.job.upload)
                row.index_ids, row.notes = reading.ids, list(reading.notes)
                row.passages = sum(passages.get(id_, 0) for id_ in reading.ids)
                if row.version == reading.job.version:
                    row.state, row.problem, row.hint = "indexed", "", ""
                    row.changed = self._clock()
                end_job(session, reading.job, None, now=self._clock())
        for reading in readings:
            self._uploads.forget(reading.job.id)

    def _claim(self, readings: Sequence[Reading]) -> None:
        """Say what a document may have in the index, before it has: a kill may come in between."""
        new = [one for one in readings if not set(one.ids) <= set(one.before)]
        if not new:
            return
        with self._database.writing() as session:
            for reading in new:
                row = upload(session, reading.job.tenant, reading.job.upload)
                row.index_ids = list(dict.fromkeys([*reading.before, *reading.ids]))

    def _withdraw_claim(self, reading: Reading) -> None:
        with self._database.writing() as session:
            upload(session, reading.job.tenant, reading.job.upload).index_ids = [*reading.before]

    def _read(self, job: JobRow, others: Sequence[Reading]) -> Reading:
        path = self._uploads.of(job.id, job.name)
        documents, notes = read_upload(path, job, self._limits)
        ids = [document.id for document in documents]
        with self._database.reading() as session:
            taken = named_by_others(session, job.tenant, job.collection, ids, besides=job.upload)
            before = upload(session, job.tenant, job.upload).index_ids
        for other in others:
            taken |= {id_: other.job.name for id_ in other.ids if id_ in ids}
        if taken:
            id_, name = next(iter(taken.items()))
            raise DocumentError(
                f"{job.name!r} holds a document called {id_!r}, and so does {name!r}.",
                hint="Give each its own id, or upload them to two collections.",
            )
        return Reading(job=job, documents=documents, before=before, notes=notes)

    def _remove(self, job: JobRow) -> None:
        with self._database.reading() as session:
            row = upload(session, job.tenant, job.upload)
        try:
            take_out(self._library, self._index_of(job), row.index_ids)
        except BusyError:
            raise
        except RagRouterError as exc:
            self._end(job, exc)
            return
        with self._database.writing() as session:
            session.delete(upload(session, job.tenant, job.upload))
            end_job(session, job, None, now=self._clock())

    def _drop(self, job: JobRow) -> None:
        """Remove a collection: first its index, and then all that is said of it at once."""
        try:
            remove_index(self._library, self._index_of(job))
        except BusyError:
            raise
        except RagRouterError as exc:
            self._end(job, exc)
            return
        with self._database.reading() as session:
            before = jobs_before(session, job)
        # As long as the job stands, what is left after a kill is found again.
        for id_ in before:
            self._uploads.forget(id_)
        with self._database.writing() as session:
            forget_collection(session, job)
            end_job(session, job, None, now=self._clock())

    def _end(self, job: JobRow, error: RagRouterError) -> None:
        logger.warning("%s of %s failed: %s", job.kind, job.upload, error)
        with self._database.writing() as session:
            end_job(session, job, error, now=self._clock())
        self._uploads.forget(job.id)

    def _index_of(self, job: JobRow) -> str:
        with self._database.reading() as session:
            return collection(session, job.tenant, job.collection).index_name

    def _rest(self, seconds: float) -> None:
        self._called.wait(seconds)

    def _in_trouble(self, exc: Exception) -> None:
        self.trouble = str(exc)
        logger.error("indexing is in trouble, and goes on in a moment: %s", exc)
        self._rest(_LOOKS_EVERY_S)


def _told(exc: Exception) -> RagRouterError:
    if isinstance(exc, RagRouterError):
        return exc
    return UnavailableError(f"it could not be indexed: {type(exc).__name__}: {exc}.")
