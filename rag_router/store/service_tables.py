"""The tables of a running service: collections, uploads, jobs, traces, feedback, kept replies.

Every table has a `tenant`, and every query asks for one: rows of others are never read. `number`
counts rows in the order in which they came, and is what pages go by; `id` is what clients see.
Times are seconds since 1970, UTC. Changes of these tables need a new file in
`migrations/versions`.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "DEFAULT_TENANT",
    "CollectionRow",
    "FeedbackRow",
    "JobRow",
    "ReplyRow",
    "ServiceTables",
    "TraceRow",
    "UploadRow",
]

DEFAULT_TENANT: Final = "default"
"""Whom everything belongs to where nobody else is named."""

_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
_ID: Final = String(64)
_TENANT: Final = String(64)


class ServiceTables(DeclarativeBase):
    """All tables of a service."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class CollectionRow(ServiceTables):
    """A collection, which is an index of the library once something stands in it."""

    __tablename__ = "collections"
    __table_args__ = (UniqueConstraint("tenant", "name"),)

    number: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    tenant: Mapped[str] = mapped_column(_TENANT)
    name: Mapped[str] = mapped_column(String(64))
    index_name: Mapped[str] = mapped_column(String(64), unique=True)
    about: Mapped[str]
    created: Mapped[float] = mapped_column(Double)


class UploadRow(ServiceTables):
    """A document as somebody uploaded it: one file, of which an index may make several.

    `state` is what became of the newest upload: waiting, indexed, failed or removing. `index_ids`
    are the documents of the index that stand there because of it, and stay those of the version
    before until a newer one is published.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        UniqueConstraint("tenant", "collection", "name"),
        Index("ix_uploads_tenant_number", "tenant", "number"),
    )

    number: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(_ID, unique=True)
    tenant: Mapped[str] = mapped_column(_TENANT)
    collection: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    meta: Mapped[dict[str, Any]] = mapped_column(JSON)
    index_ids: Mapped[list[str]] = mapped_column(JSON)
    passages: Mapped[int]
    problem: Mapped[str]
    hint: Mapped[str]
    created: Mapped[float] = mapped_column(Double)
    changed: Mapped[float] = mapped_column(Double)


class JobRow(ServiceTables):
    """Something that the service has promised to do to a document.

    `kind` is put or remove; `state` is waiting, running, done or failed. `attempts` counts how
    often it was begun: one that brings the process down is not tried for ever.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_tenant_number", "tenant", "number"),
        Index("ix_jobs_state_number", "state", "number"),
    )

    number: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(_ID, unique=True)
    tenant: Mapped[str] = mapped_column(_TENANT)
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    collection: Mapped[str] = mapped_column(String(64))
    upload: Mapped[str] = mapped_column(_ID)
    name: Mapped[str] = mapped_column(String(255))
    version: Mapped[int]
    meta: Mapped[dict[str, Any]] = mapped_column(JSON)
    attempts: Mapped[int]
    problem: Mapped[str]
    hint: Mapped[str]
    created: Mapped[float] = mapped_column(Double)
    begun: Mapped[float | None] = mapped_column(Double)
    ended: Mapped[float | None] = mapped_column(Double)


class TraceRow(ServiceTables):
    """An answer as it was given, with as much of its text as the settings let be kept."""

    __tablename__ = "traces"
    __table_args__ = (
        Index("ix_traces_tenant_number", "tenant", "number"),
        Index("ix_traces_created", "created"),
    )

    number: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(_ID, unique=True)
    tenant: Mapped[str] = mapped_column(_TENANT)
    request: Mapped[str] = mapped_column(String(128))
    reason: Mapped[str] = mapped_column(String(32))
    abstained: Mapped[bool]
    confidence: Mapped[float] = mapped_column(Double)
    kept: Mapped[str] = mapped_column(String(16))
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[float] = mapped_column(Double)


class FeedbackRow(ServiceTables):
    """What somebody said of an answer, with what of the answer can be learned from.

    The question and the answer are copied, so that a label outlives its trace. `trace` is no
    foreign key for that reason.
    """

    __tablename__ = "feedback"
    __table_args__ = (Index("ix_feedback_tenant_number", "tenant", "number"),)

    number: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(_ID, unique=True)
    tenant: Mapped[str] = mapped_column(_TENANT)
    trace: Mapped[str] = mapped_column(_ID)
    verdict: Mapped[str] = mapped_column(String(16))
    correct_answer: Mapped[str]
    comment: Mapped[str]
    question: Mapped[str]
    answer: Mapped[str]
    reason: Mapped[str] = mapped_column(String(32))
    created: Mapped[float] = mapped_column(Double)


class ReplyRow(ServiceTables):
    """What was replied to a request that brought a key, so that it can be sent twice."""

    __tablename__ = "replies"
    __table_args__ = (Index("ix_replies_created", "created"),)

    tenant: Mapped[str] = mapped_column(_TENANT, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[float] = mapped_column(Double)
