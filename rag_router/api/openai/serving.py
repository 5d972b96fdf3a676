"""What the endpoints of this interface ask of the service."""

from __future__ import annotations

import time
from typing import Final

from fastapi import Request

from rag_router.api.service import Answers, tenant_of
from rag_router.orchestrator import roster
from rag_router.settings import OpenAISettings

__all__ = ["STARTED", "expert_names", "settings_of"]

STARTED: Final = int(time.time())
"""When this process began, in seconds since 1970."""


def settings_of(request: Request) -> OpenAISettings:
    """How the service speaks here."""
    settings: OpenAISettings = request.app.state.openai
    return settings


def expert_names(orchestrator: Answers, request: Request) -> list[str]:
    """Names of the experts that whoever asks may ask for."""
    return [one.card.name for one in roster(orchestrator, tenant_of(request))]
