"""What the service keeps: a database, the library of indexes, and uploads on their way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag_router import telemetry
from rag_router.api.ingestion import UploadFolder, Worker
from rag_router.errors import UnavailableError
from rag_router.indices.library import Library
from rag_router.settings import Settings
from rag_router.store.collections import adopt_indexes, not_adopted
from rag_router.store.database import ServiceDatabase
from rag_router.store.migrating import upgrade
from rag_router.store.traces import add_traces

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["Resources"]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Everything that outlives a request, and the process.

    Attributes:
        settings: Of the service.
        database: With its tables.
        library: Where indexes are.
        uploads: Where files wait to be indexed.
        clock: Seconds since 1970.
    """

    settings: Settings
    database: ServiceDatabase
    library: Library
    uploads: UploadFolder
    clock: Callable[[], float] = time.time

    @classmethod
    def open(cls, settings: Settings) -> Resources:
        """Open the database, and bring its tables up to date.

        Raises:
            SettingsError: `store.url` is none.
            UnavailableError: the database cannot be used.
        """
        url = settings.store.url
        database = (
            ServiceDatabase.at(settings.home / "service.sqlite")
            if url is None
            else ServiceDatabase(url)
        )
        upgrade(database.engine)
        return cls(
            settings=settings,
            database=database,
            library=Library(settings.home),
            uploads=UploadFolder(settings.home / "uploads", most_mb=settings.documents.file_mb),
        )

    def worker(self, embedder: Callable[[], Embedder]) -> Worker:
        """Return the one who indexes what is uploaded; it has not begun."""
        return Worker(
            self.database,
            self.library,
            self.uploads,
            embedder,
            limits=self.settings.documents,
            keeping=self.settings.store,
            clock=self.clock,
        )

    def adopt(self) -> None:
        """Make collections of indexes that were made elsewhere, such as on the command line."""
        names = self.library.names()
        with self.database.reading() as session:
            # Looking costs nobody a turn; writing does.
            new = not_adopted(session, names)
        if new:
            with self.database.writing() as session:
                adopt_indexes(session, new, now=self.clock())

    def keep(
        self, tenant: str, answers: Sequence[dict[str, Any]], request_id: str
    ) -> list[dict[str, Any]]:
        """Keep answers, and return them with the ids of their traces.

        An answer that cannot be kept is given all the same, and says so.
        """
        kept = self.settings.store.traces
        if kept == "off":
            return list(answers)
        try:
            with self.database.noting() as session:
                ids = add_traces(
                    session, tenant, answers, kept=kept, request=request_id, now=self.clock()
                )
        except UnavailableError as exc:
            telemetry.logger.error("answers were not kept: %s", exc)
            telemetry.count(telemetry.DEGRADED, len(answers), stage="trace")
            note = {"stage": "trace", "what": "the answer could not be kept"}
            return [one | {"degraded": [*one["degraded"], note]} for one in answers]
        return [one | {"trace": id_} for one, id_ in zip(answers, ids, strict=True)]

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()
