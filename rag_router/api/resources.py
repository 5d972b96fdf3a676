"""What the service keeps: a database, the library of indexes, and uploads on their way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from rag_router import telemetry
from rag_router.api.erasing import Eraser
from rag_router.api.ingestion import UploadFolder, Worker
from rag_router.api.principal import Principal
from rag_router.errors import UnavailableError
from rag_router.indices.library import Library
from rag_router.settings import Settings
from rag_router.store.collections import adopt_indexes, not_adopted
from rag_router.store.database import ServiceDatabase
from rag_router.store.erasures import erased_since, print_of
from rag_router.store.migrating import upgrade
from rag_router.store.redaction import Redactor
from rag_router.store.server_secret import ServerSecret, server_secret
from rag_router.store.traces import add_traces

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["Resources"]

_SAME_MOMENT_S: Final = 1.0


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
            SettingsError: `store.url` is none, or a pattern of `redaction` makes no sense.
            UnavailableError: the database cannot be used.
        """
        url = settings.store.url
        database = (
            ServiceDatabase.at(settings.home / "service.sqlite")
            if url is None
            else ServiceDatabase(url)
        )
        # Patterns that make no sense are told of before anything is kept without them.
        Redactor(settings.redaction)
        upgrade(database.engine)
        return cls(
            settings=settings,
            database=database,
            library=Library(settings.home),
            uploads=UploadFolder(settings.home / "uploads", most_mb=settings.documents.file_mb),
        )

    def secret(self) -> ServerSecret:
        """Return what keys are compared with; it is made where there never was one.

        Raises:
            SettingsError: what the settings name holds none.
            UnavailableError: it can be neither read nor made.
        """
        named = self.settings.keys
        return server_secret(self.settings.home, variable=named.secret_env, file=named.secret_file)

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
            first=self.eraser.work,
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
        self,
        who: Principal,
        answers: Sequence[dict[str, Any]],
        request_id: str,
        *,
        since: float | None = None,
    ) -> list[dict[str, Any]]:
        """Keep answers, and return them with the ids of their traces.

        An answer that cannot be kept is given all the same, and says so. One that shows what was
        erased since is not kept at all.

        Args:
            who: Asked.
            answers: In their wire form.
            request_id: Of the request.
            since: When it came, in seconds since 1970; None does not look for erasures.
        """
        kept = self.settings.store.traces
        if kept == "off":
            return list(answers)
        clean = [self.redactor.within(one) for one in answers]
        try:
            with self.database.noting() as session:
                if since is not None and _shows_erased(session, who.tenant, answers, since):
                    return list(answers)
                ids = add_traces(
                    session,
                    who.tenant,
                    clean,
                    kept=kept,
                    request=request_id,
                    key=who.key_id,
                    user=who.user,
                    now=self.clock(),
                )
        except UnavailableError as exc:
            telemetry.logger.error("answers were not kept: %s", exc)
            telemetry.count(telemetry.DEGRADED, len(answers), stage="trace")
            note = {"stage": "trace", "what": "the answer could not be kept"}
            return [one | {"degraded": [*one["degraded"], note]} for one in answers]
        return [one | {"trace": id_} for one, id_ in zip(answers, ids, strict=True)]

    @cached_property
    def eraser(self) -> Eraser:
        """Who carries out erasures."""
        return Eraser(self)

    @cached_property
    def redactor(self) -> Redactor:
        """What blots out of texts what should not be kept."""
        return Redactor(self.settings.redaction)

    def words_of(self, answers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return what the audit log may hold of answers: ids, and words only where it should.

        Of answers that were not kept it holds nothing: an erasure finds words by their traces.
        """
        texts = self.settings.store.traces in {"full", "no_passages"}
        worded = self.settings.audit.content and texts
        kept = ("trace", "question", "answer") if worded else ("trace",)
        return [
            self.redactor.within({name: one[name] for name in kept if name in one})
            for one in answers
            if "trace" in one
        ]

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


def _shows_erased(
    session: Session, tenant: str, answers: Sequence[Mapping[str, Any]], since: float
) -> bool:
    """Whether answers that were under way show something that was erased meanwhile."""
    prints, tenants = erased_since(session, since - _SAME_MOMENT_S)
    return tenant in tenants or any(
        print_of(str(passage["id"]).rpartition("#")[0]) in prints
        for answer in answers
        for passage in (answer["passages"] if prints else ())
    )
