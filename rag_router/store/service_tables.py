"""The tables of a running service: what it holds, keeps, counts, audits and erases.

Every table that holds anybody's things has a `tenant`, and every query of theirs asks for one:
rows of others are never read. `number`
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
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from rag_router.store.naming import DEFAULT_TENANT

__all__ = [
    "DEFAULT_TENANT",
    "AuditChainRow",
    "AuditRow",
    "CollectionRow",
    "ErasureRow",
    "FeedbackRow",
    "JobRow",
    "KeyRow",
    "ReplyRow",
    "ServiceTables",
    "SpendingRow",
    "TraceRow",
    "UploadRow",
]

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
    """A collection, which is an index of the library once something stands in it.

    One that is `shared` is searched by all tenants, and changed by its own alone.
    """

    __tablename__ = "collections"
    __table_args__ = (UniqueConstraint("tenant", "name"),)

    number: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    tenant: Mapped[str] = mapped_column(_TENANT)
    name: Mapped[str] = mapped_column(String(64))
    index_name: Mapped[str] = mapped_column(String(64), unique=True)
    about: Mapped[str]
    shared: Mapped[bool] = mapped_column(default=False, server_default=false())
    created: Mapped[float] = mapped_column(Double)


class UploadRow(ServiceTables):
    """A document as somebody uploaded it: one file, of which an index may make several.

    `state` is what became of the newest upload: waiting, indexed, failed or removing. `index_ids`
    are the documents of the index that stand there because of it; while a version is published,
    those of the one before and its own. `notes` say what was left out of it.
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
    notes: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    created: Mapped[float] = mapped_column(Double)
    changed: Mapped[float] = mapped_column(Double)


class JobRow(ServiceTables):
    """Something that the service has promised to do to a document, or to a whole collection.

    `kind` is put, remove, or drop, which names no document; `state` is waiting, running, done or
    failed. `attempts` counts how often it was begun and not given back: one that brings the process
    down is not tried for ever.
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
    """An answer as it was given, with as much of its text as the settings let be kept.

    `key` is the id of the key that it was asked for with, and `user` whom a frontend asked for.
    """

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
    key: Mapped[str] = mapped_column(_ID, default="", server_default="")
    user: Mapped[str] = mapped_column(String(255), default="", server_default="")
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


class SpendingRow(ServiceTables):
    """What a tenant has spent: of its minute, which drains all the time, and of its day.

    `at` is until when the minute's columns have drained; `day` counts days since 1970, UTC.
    """

    __tablename__ = "spending"

    tenant: Mapped[str] = mapped_column(_TENANT, primary_key=True)
    at: Mapped[float] = mapped_column(Double)
    minute_requests: Mapped[float] = mapped_column(Double)
    minute_tokens: Mapped[float] = mapped_column(Double)
    day: Mapped[int]
    day_requests: Mapped[int] = mapped_column(BigInteger)
    day_tokens: Mapped[int] = mapped_column(BigInteger)


class AuditRow(ServiceTables):
    """One line of the audit log, chained to the one before by its hash.

    `words` are what people wrote or are called by; they can be erased, for the chain goes by
    `words_hash`, and holds without them.
    """

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_tenant_number", "tenant", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[float] = mapped_column(Double)
    tenant: Mapped[str] = mapped_column(_TENANT)
    key: Mapped[str] = mapped_column(_ID)
    action: Mapped[str] = mapped_column(String(128))
    target: Mapped[str] = mapped_column(String(255))
    outcome: Mapped[str] = mapped_column(String(16))
    status: Mapped[int]
    request: Mapped[str] = mapped_column(String(128))
    words: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    words_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditChainRow(ServiceTables):
    """Where the chain of the audit log begins and ends; there is one row.

    `before` is the number of the last line that was kept long enough and is gone, and 0 where
    there is none.
    """

    __tablename__ = "audit_chain"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    before: Mapped[int] = mapped_column(BigInteger)
    before_hash: Mapped[str] = mapped_column(String(64))
    last: Mapped[int] = mapped_column(BigInteger)
    last_hash: Mapped[str] = mapped_column(String(64))


class ErasureRow(ServiceTables):
    """Something that is to be erased wherever it is, or was.

    `state` is open, scrubbing or done. `plan` says what is looked for, and is empty once rows are
    gone; `prints` are hashes of the documents' ids, by which answers are known that were under way.
    """

    __tablename__ = "erasures"
    __table_args__ = (Index("ix_erasures_created", "created"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    tenant: Mapped[str] = mapped_column(_TENANT)
    kind: Mapped[str] = mapped_column(String(16))
    target: Mapped[str] = mapped_column(_ID)
    state: Mapped[str] = mapped_column(String(16))
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)
    prints: Mapped[list[str]] = mapped_column(JSON)
    report: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    problem: Mapped[str]
    created: Mapped[float] = mapped_column(Double)
    ended: Mapped[float | None] = mapped_column(Double)


class KeyRow(ServiceTables):
    """A key that callers send; its secret is nowhere, only a digest that no one can turn around.

    `id` stands in the key itself, and is no secret. `forwards` is whose word counts for which
    user asks: "no" nobody's, "plain" that of whoever sends the key, "signed" only what they sign.
    `successor` is the key that took this one's place, which then ends at `expires`.
    """

    __tablename__ = "keys"
    __table_args__ = (Index("ix_keys_tenant_number", "tenant", "number"),)

    number: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(_ID, unique=True)
    tenant: Mapped[str] = mapped_column(_TENANT)
    name: Mapped[str] = mapped_column(String(255))
    digest: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    forwards: Mapped[str] = mapped_column(String(16))
    successor: Mapped[str] = mapped_column(_ID)
    created: Mapped[float] = mapped_column(Double)
    expires: Mapped[float | None] = mapped_column(Double)
    revoked: Mapped[float | None] = mapped_column(Double)
    used: Mapped[float | None] = mapped_column(Double)
