"""Several tenants of one service, each with a client that sends its key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from kept_service import keeping

from rag_router.store.keys import add_key

__all__ = ["EVERYTHING", "key_of", "sending", "tenants"]

EVERYTHING = ("answer", "read", "write", "feedback", "admin")


@contextmanager
def tenants(folder: Path, *names: str, **more: Any) -> Iterator[list[TestClient]]:
    """A client for each of these tenants, of one service that keeps things in this folder."""
    with keeping(folder, **more) as client:
        yield [sending(client, key_of(client, name, EVERYTHING)) for name in names]


def key_of(client: TestClient, tenant: str, scopes: Sequence[Any], **more: Any) -> str:
    """Make a key as the command line does, beside the service that runs."""
    resources = client.app.state.service.resources  # type: ignore[attr-defined]
    with resources.database.writing() as session:
        made = add_key(
            session, resources.secret(), tenant, scopes=scopes, now=resources.clock(), **more
        )
    client.app.state.keyring.look_again()  # type: ignore[attr-defined]
    return made.text


def sending(client: TestClient, key: str) -> TestClient:
    """A client of the same service that sends a key; its service is ended by the other one."""
    other = TestClient(client.app, headers={"Authorization": f"Bearer {key}"})
    # Requests go to the loop in which the service was started.
    other.portal = client.portal
    return other
