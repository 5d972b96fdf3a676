"""How much of what a tenant uploaded or removed may be unfinished."""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from rag_router.errors import QuotaError
from rag_router.store.jobs import open_jobs

__all__ = ["check_room_for_job"]

_AGAIN_S: Final = 5.0
"""Nobody knows when a job will have ended; after this it makes sense to look."""


def check_room_for_job(session: Session, tenant: str, most: int) -> None:
    """Make sure that a tenant may have one job more.

    Args:
        session: Open for writing, so that nobody adds one meanwhile.
        tenant: Whose.
        most: How many may be unfinished.

    Raises:
        QuotaError: as many are.
    """
    unfinished = open_jobs(session, tenant)
    if unfinished >= most:
        raise QuotaError(
            f"{unfinished} uploads and removals are unfinished; at most {most} may be.",
            hint="Wait until some are done: GET /v1/jobs.",
            retry_after_s=_AGAIN_S,
        )
