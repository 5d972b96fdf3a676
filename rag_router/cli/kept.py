"""What a service keeps, for commands that look at it or change it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rag_router.errors import UnavailableError
from rag_router.settings import load_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from rag_router.api.resources import Resources

__all__ = ["noted", "opened"]


@contextmanager
def opened(config: Path | None) -> Iterator[Resources]:
    """Open what the service of some settings keeps.

    Raises:
        SettingsError: the settings are wrong.
        UnavailableError: the database cannot be used, or what opens it is not installed.
    """
    if find_spec("alembic") is None or find_spec("fastapi") is None:
        raise UnavailableError(
            "what a service keeps cannot be opened: it needs alembic and fastapi.",
            hint="Run: pip install 'rag-router[api]'",
        )
    from rag_router.api.resources import Resources

    kept = Resources.open(load_settings(config))
    try:
        yield kept
    finally:
        kept.close()


def noted(kept: Resources, session: Session, action: str, *, tenant: str, target: str) -> None:
    """Write into the audit log what a command does, in the transaction that does it.

    Args:
        kept: What the service keeps.
        session: Open for writing.
        action: What is done, such as "key add".
        tenant: Whose things are changed.
        target: Ids of ours.
    """
    from rag_router.store.audit import AuditEntry, add_audit

    if kept.settings.audit.enabled:
        line = AuditEntry(at=kept.clock(), tenant=tenant, key="cli", action=action, target=target)
        add_audit(session, [line])
