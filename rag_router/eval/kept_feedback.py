"""What people said of a service's answers, out of its own database."""

from __future__ import annotations

from rag_router.errors import DataError
from rag_router.eval.feedback import Feedback
from rag_router.settings import Settings
from rag_router.store.database import ServiceDatabase
from rag_router.store.feedback import all_feedback
from rag_router.store.service_tables import DEFAULT_TENANT

__all__ = ["feedback_of_service"]


def feedback_of_service(settings: Settings, tenant: str = DEFAULT_TENANT) -> list[Feedback]:
    """Return what was said of answers whose text was kept, the oldest first.

    Args:
        settings: Of the service.
        tenant: Whose answers.

    Raises:
        DataError: there is no database, or nothing in it to learn from.
        UnavailableError: the database cannot be used.
    """
    path = settings.home / "service.sqlite"
    if settings.store.url is None and not path.is_file():
        raise DataError(
            f"no service has kept anything in {settings.home} yet.",
            hint="Start one with `rag-router serve`, or name a file of feedback.",
        )
    url = settings.store.url
    database = ServiceDatabase.at(path) if url is None else ServiceDatabase(url)
    try:
        with database.reading() as session:
            rows = all_feedback(session, tenant)
    finally:
        database.close()
    if not rows:
        raise DataError(
            "nobody has said anything of an answer whose text was kept.",
            hint="POST /v1/feedback takes it; with [store] traces = 'no_text' or 'off' there is "
            "nothing to learn from.",
        )
    return [
        Feedback(
            question=" ".join(row.question.split()),
            answer=row.answer,
            right=row.verdict == "right",
            closed_book=row.reason == "parametric",
            correct_answer=row.correct_answer,
        )
        for row in rows
    ]
