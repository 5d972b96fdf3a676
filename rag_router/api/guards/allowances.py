"""What one tenant may have: the settings of all, and where it has its own, those."""

from __future__ import annotations

from dataclasses import dataclass

from rag_router.settings import LimitSettings, Settings, TenantLimitSettings
from rag_router.store.spending import Rates

__all__ = ["Allowance", "Allowances", "Most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a tenant may have.

    Attributes:
        rates: Requests and tokens of a minute and of a day.
        request_mb: MiB of a request's body.
        file_mb: MiB of a file; None is what [documents] says.
        request_values: Values of a JSON body.
        question_characters: Of a question.
        questions_per_request: Of a request.
        output_tokens: Of an answer; None is as many as it may have otherwise.
        ingestion_jobs: Uploads and removals that are unfinished.
    """

    rates: Rates
    request_mb: int
    file_mb: int | None
    request_values: int
    question_characters: int
    questions_per_request: int
    output_tokens: int | None
    ingestion_jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """How large a request may be: bytes, and values where it is JSON."""

    bytes: int
    values: int


class Allowances:
    """What each tenant may have.

    Args:
        limits: Of all.
        own: Of those that have limits of their own.
    """

    def __init__(
        self, limits: LimitSettings, own: dict[str, TenantLimitSettings] | None = None
    ) -> None:
        self._usual = _allowance(limits, TenantLimitSettings())
        self._own = {name: _allowance(limits, one) for name, one in (own or {}).items()}

    @classmethod
    def of(cls, settings: Settings) -> Allowances:
        """Read them from settings."""
        own = {name: tenant.limits for name, tenant in settings.tenants.items()}
        return cls(settings.limits, own)

    def __call__(self, tenant: str) -> Allowance:
        """What a tenant may have."""
        return self._own.get(tenant, self._usual)

    def rates(self, tenant: str) -> Rates:
        """How much a tenant may spend."""
        return self(tenant).rates


def _allowance(limits: LimitSettings, own: TenantLimitSettings) -> Allowance:
    return Allowance(
        rates=Rates(
            requests_per_minute=_first(own.requests_per_minute, limits.requests_per_minute),
            requests_per_day=_first(own.requests_per_day, limits.requests_per_day),
            tokens_per_minute=_first(own.tokens_per_minute, limits.tokens_per_minute),
            tokens_per_day=_first(own.tokens_per_day, limits.tokens_per_day),
        ),
        request_mb=_least(limits.request_mb, own.request_mb),
        file_mb=own.file_mb,
        request_values=limits.request_values,
        question_characters=_least(limits.question_characters, own.question_characters),
        questions_per_request=_least(limits.questions_per_request, own.questions_per_request),
        output_tokens=_first(own.output_tokens, limits.output_tokens),
        ingestion_jobs=own.ingestion_jobs or limits.ingestion_jobs,
    )


def _first(own: int | None, usual: int | None) -> int | None:
    return usual if own is None else own


def _least(usual: int, own: int | None) -> int:
    return usual if own is None else min(usual, own)
