"""What is to be erased, worked out before anything is: where it is, and what was made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from rag_router.errors import UnavailableError, UnknownNameError
from rag_router.indices.backed_up import backups_of
from rag_router.indices.contents import StoredDocument
from rag_router.indices.library import Library
from rag_router.store.collections import collection
from rag_router.store.erasures import (
    KEYS_GONE,
    ErasureKind,
    add_erasure,
    count_rows_of_tenant,
    note_step,
    orphaned_feedback,
    print_of,
    remove_keys_of,
    traces_of,
)
from rag_router.store.jobs import forget_waiting
from rag_router.store.service_tables import (
    CollectionRow,
    ErasureRow,
    JobRow,
    UploadRow,
)
from rag_router.store.uploads import named_by_others, upload, withdraw

__all__ = ["Plan", "plan_of_document", "plan_of_indexed", "plan_of_tenant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to go.

    Attributes:
        kind: A document or a tenant.
        tenant: Whose.
        target: The document's id, or the tenant's name.
        indexes: Names of indexes: of a document the one it stands in, of a tenant all.
        names: What the index of a document is called where answers name it; None is whatever.
        documents: Ids of documents of that index; of a tenant none, since all go.
        upload: Id of the document; empty where it was never uploaded.
        jobs: Ids of jobs whose files may wait.
        feedback: Ids of feedback that quotes a document, and whose trace has gone.
        everybody: Whether others could see it, and so have traces that show it.
    """

    kind: ErasureKind
    tenant: str
    target: str
    indexes: Sequence[str]
    names: Sequence[str] | None = None
    documents: Sequence[str] = ()
    upload: str = ""
    jobs: Sequence[str] = ()
    feedback: Sequence[str] = ()
    everybody: bool = False

    def note(self, session: Session, *, now: float) -> ErasureRow:
        """Note it, and keep everybody from adding to what is to go."""
        if self.upload:
            withdraw(upload(session, self.tenant, self.upload), now=now)
        gone = remove_keys_of(session, self.tenant) if self.kind == "tenant" else 0
        forget_waiting(session, self.jobs)
        row = add_erasure(
            session,
            self.tenant,
            self.kind,
            self.target,
            {
                "indexes": list(self.indexes),
                "names": None if self.names is None else list(self.names),
                "documents": list(self.documents),
                "upload": self.upload,
                "jobs": list(self.jobs),
                "feedback": list(self.feedback),
                "everybody": self.everybody,
            },
            documents=self.documents,
            now=now,
        )
        if gone:
            # Kept for good: where there ever were keys, nobody comes in without one.
            note_step(session, row.id, KEYS_GONE, {"keys": gone})
        return row

    def counts(self, session: Session) -> dict[str, int]:
        """How much is there to go, apart from what the files hold."""
        if self.kind == "tenant":
            return count_rows_of_tenant(session, self.tenant)
        whose = None if self.everybody else self.tenant
        return {
            "documents": len(self.documents),
            "jobs": len(self.jobs),
            "traces": len(traces_of(session, whose, self.names, self.documents)),
            "feedback": len(self.feedback),
        }


def plan_of_document(session: Session, library: Library, tenant: str, id_: str) -> Plan:
    """Plan to erase a document that was uploaded.

    Raises:
        UnknownNameError: there is none of that id.
    """
    row = upload(session, tenant, id_)
    place = collection(session, tenant, row.collection)
    taken = named_by_others(session, tenant, row.collection, row.index_ids, besides=id_)
    documents = [one for one in row.index_ids if one not in taken]
    return _of_documents(session, library, place, documents, row)


def plan_of_indexed(
    session: Session, library: Library, tenant: str, name: str, documents: Sequence[str]
) -> Plan:
    """Plan to erase documents of a collection that were never uploaded, or were removed already.

    Raises:
        UnknownNameError: there is no such collection, or nothing is known of a document.
    """
    place = collection(session, tenant, name)
    there = {one.id for one in _stored(library, place.index_name)}
    whose, names = _seen_in(place)
    for id_ in documents:
        if id_ not in there and not traces_of(session, whose, names, [id_]):
            raise UnknownNameError("document", id_, there)
    held = named_by_others(session, tenant, name, documents, besides="")
    if held:
        id_, upload_name = next(iter(held.items()))
        raise UnknownNameError(
            "document of its own",
            id_,
            (),
            hint=f"It came with the upload {upload_name!r}: erase that one, by its id.",
        )
    # A file that makes one document of the index gives it its name.
    done = select(JobRow.id).where(
        JobRow.tenant == tenant, JobRow.collection == name, JobRow.name.in_(documents)
    )
    plan = _of_documents(session, library, place, documents, None)
    return replace(plan, jobs=session.scalars(done).all())


def plan_of_tenant(session: Session, tenant: str) -> Plan:
    """Plan to erase all that a tenant has.

    Raises:
        UnknownNameError: nothing is anybody's of that name.
    """
    indexes = session.scalars(
        select(CollectionRow.index_name).where(CollectionRow.tenant == tenant)
    ).all()
    jobs = session.scalars(select(JobRow.id).where(JobRow.tenant == tenant)).all()
    plan = Plan(kind="tenant", tenant=tenant, target=tenant, indexes=indexes, jobs=jobs)
    if not any(plan.counts(session).values()):
        raise UnknownNameError("tenant", tenant, (), hint="Nothing is kept of anybody so called.")
    return plan


def _of_documents(
    session: Session,
    library: Library,
    place: CollectionRow,
    documents: Sequence[str],
    row: UploadRow | None,
) -> Plan:
    wanted = set(documents)
    # What was removed from the index may still be read where it was backed up.
    shelves = [library, *(Library(folder) for folder in backups_of(library.home))]
    stored = (one for shelf in shelves for one in _stored(shelf, place.index_name))
    texts = [_text_of(one) for one in stored if one.id in wanted]
    jobs: Sequence[str] = ()
    if row is not None:
        jobs = session.scalars(select(JobRow.id).where(JobRow.upload == row.id)).all()
    return Plan(
        kind="document",
        tenant=place.tenant,
        # Names are to go, too; ids of ours tell nothing.
        target=print_of(documents[0]) if row is None else row.id,
        indexes=[place.index_name],
        names=_seen_in(place)[1],
        documents=documents,
        upload="" if row is None else row.id,
        jobs=jobs,
        feedback=orphaned_feedback(session, place.tenant, texts),
        everybody=place.shared,
    )


def _seen_in(place: CollectionRow) -> tuple[str | None, Sequence[str] | None]:
    """In whose traces a collection may show, and under which names; None is anybody's, and any."""
    if place.shared:
        return None, None
    return place.tenant, [place.index_name, place.name]


def _stored(library: Library, index: str) -> Sequence[StoredDocument]:
    """What stands in an index; nothing where there is none, or it can be read no more."""
    try:
        return library.documents(index)
    except (UnknownNameError, UnavailableError):
        return ()


def _text_of(document: StoredDocument) -> str:
    return "\n".join([document.title, *(passage.text for passage in document.passages)])
