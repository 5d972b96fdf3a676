"""All that stands before the endpoints of one service, together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Scope

from rag_router.api.guards.allowances import Allowance, Allowances, Most
from rag_router.api.guards.audit_log import AuditLog
from rag_router.api.guards.quotas import Quotas
from rag_router.api.principal import principal_in, principal_of
from rag_router.settings import GeneratorSettings, LimitSettings, Settings
from rag_router.store.spending import Rates

if TYPE_CHECKING:
    from rag_router.api.resources import Resources

__all__ = ["Guards", "allowance_of", "guards_of"]


class Guards:
    """What tenants may have, and what they have had.

    Args:
        limits: Those of all, where nothing is kept.
        resources: What is kept, with the settings; None keeps nothing, and counts in memory.
    """

    def __init__(self, limits: LimitSettings, resources: Resources | None = None) -> None:
        settings = None if resources is None else resources.settings
        self.allowances = Allowances(limits) if settings is None else _allowances(limits, settings)
        self.generator = GeneratorSettings() if settings is None else settings.generator
        self.audit = None if resources is None else _audit_log(resources)
        self._file_mb = 0 if settings is None else settings.documents.file_mb
        self.quotas = Quotas(
            self.rates,
            time.time if resources is None else resources.clock,
            None if resources is None else resources.database.noting,
        )

    def rates(self, tenant: str) -> Rates:
        """How much a tenant may spend now."""
        return self.allowances.rates(tenant)

    def renew(self, settings: Settings) -> None:
        """Go by other settings from now on; what was counted stays counted."""
        self.allowances = Allowances.of(settings)
        self.generator = settings.generator

    def most(self, scope: Scope) -> Most:
        """How large a request may be: forms with files may be larger, which go to the disk."""
        own = self.allowances(principal_in(scope).tenant)
        mb = own.request_mb
        form = (
            Headers(scope=scope).get("content-type", "").lower().startswith("multipart/form-data")
        )
        if form and scope["path"].startswith("/v1/documents"):
            mb += self._file_mb if own.file_mb is None else min(own.file_mb, self._file_mb)
        return Most(bytes=mb * 2**20, values=own.request_values)

    def start(self) -> None:
        """Begin to write down what is counted."""
        self.quotas.start()
        if self.audit is not None:
            self.audit.start()

    def stop(self) -> None:
        """Write down what is not written yet, and end."""
        self.quotas.stop()
        if self.audit is not None:
            self.audit.stop()


def _audit_log(resources: Resources) -> AuditLog | None:
    audit = resources.settings.audit
    if not audit.enabled:
        return None
    return AuditLog(resources.database.noting, resources.clock, days=audit.days)


def guards_of(request: Request) -> Guards:
    """What stands before the endpoints."""
    guards: Guards = request.app.state.guards
    return guards


def allowance_of(request: Request) -> Allowance:
    """What whoever asks may have."""
    return guards_of(request).allowances(principal_of(request).tenant)


def _allowances(limits: LimitSettings, settings: Settings) -> Allowances:
    return Allowances.of(settings.model_copy(update={"limits": limits}))
