"""What a tenant may look in: its own collections, and those that are shared with all.

It is settled before anything is asked, and goes with the question: whatever looks for passages has
no other index to look in, and opens none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from rag_router.api.principal import principal_of
from rag_router.api.service import Service
from rag_router.errors import UnavailableError
from rag_router.orchestrator import Ask
from rag_router.store.collections import places
from rag_router.store.naming import DEFAULT_TENANT

__all__ = ["placed", "within_of"]


async def placed(ask: Ask, service: Service, request: Request) -> Ask:
    """Return what is asked for, by whoever asks, within what they may look in.

    Raises:
        UnavailableError: nobody can say what that is.
    """
    tenant = principal_of(request).tenant
    ask = replace(ask, tenant=tenant)
    if ask.indexes is None and tenant == DEFAULT_TENANT:
        return ask
    return replace(ask, within=await run_in_threadpool(within_of, service, tenant, ask.indexes))


def within_of(
    service: Service, tenant: str, named: Sequence[str] | None = None
) -> Mapping[str, str] | None:
    """Return names of indexes by what they are called; None is all that are no other tenant's.

    Args:
        service: What keeps them.
        tenant: Who asks.
        named: What is asked for; None is everything.

    Raises:
        UnavailableError: the database does not answer, and a tenant's cannot be told without.
    """
    if not service.keeps:
        return None if tenant == DEFAULT_TENANT else {}
    if tenant == DEFAULT_TENANT and named is None:
        return None
    try:
        if tenant == DEFAULT_TENANT:
            service.resources.adopt()
        with service.resources.database.reading() as session:
            return places(session, tenant)
    except UnavailableError:
        # The default one's are called as their indexes are, which stand on the disk.
        if tenant == DEFAULT_TENANT:
            return None
        raise
