"""On whose behalf a request comes: their tenant, their key, what it may do, and for which user.

Whoever checks keys writes it into the request's state once, and everybody else reads it there:

    def audit(request: Request) -> None:
        who = principal_of(request)
        note(who.tenant, who.key_id, who.user)

Where the service has no keys, whoever asks is the default tenant, and may do everything. Where
nobody has looked who asks, they may do nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from rag_router.store.keys import SCOPES, Scope
from rag_router.store.service_tables import DEFAULT_TENANT

__all__ = ["NOBODY", "Principal", "Who", "principal_in", "principal_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks.

    Attributes:
        tenant: Whose things may be seen and changed.
        key_id: Of the key that was sent, which is no secret; "bootstrap" is the one of [serve],
            and empty where the service has no keys.
        scopes: What may be done.
        user: Whom a frontend that is trusted with it asks for, by the frontend's own id; empty
            where nobody is named.
        forwards: Whether headers that name a user are believed.
    """

    tenant: str = DEFAULT_TENANT
    key_id: str = ""
    scopes: frozenset[Scope] = SCOPES
    user: str = ""
    forwards: bool = False

    def may(self, scope: Scope) -> bool:
        """Whether something of this kind may be done."""
        return scope in self.scopes

    def oversees(self, tenant: str) -> bool:
        """Whether this is an administrator of a tenant.

        Those of the default tenant run the service, and administer all; others their own.
        """
        return self.may("admin") and self.tenant in (DEFAULT_TENANT, tenant)

    @property
    def overseen(self) -> str | None:
        """Whose things an administrator sees to; None is everybody's."""
        return None if self.tenant == DEFAULT_TENANT else self.tenant


NOBODY: Final = Principal()
"""Who asks where the service has no keys: the default tenant, who may do everything."""


_UNKNOWN: Final = Principal(scopes=frozenset())


def principal_in(scope: Any) -> Principal:
    """Who asks, for those that stand before the endpoints: of an ASGI scope."""
    found = scope.get("state", {}).get("principal", _UNKNOWN)
    assert isinstance(found, Principal)
    return found


def principal_of(request: Request) -> Principal:
    """Who asks."""
    return principal_in(request.scope)


Who = Annotated[Principal, Depends(principal_of)]
"""The type of an endpoint's argument that says who asks."""
