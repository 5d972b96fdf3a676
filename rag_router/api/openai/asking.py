"""From a chat request to what the orchestrator is asked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from rag_router.api.openai.names import Wanted
from rag_router.api.openai.schemas import ChatRequest, Profile
from rag_router.errors import UsageError
from rag_router.indices.where import Where
from rag_router.models.sampling import Sampling
from rag_router.orchestrator import Ask
from rag_router.settings import OpenAISettings

__all__ = ["Shown", "ask_of", "shown_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How an answer is shown: its sources, and whether all its reasons are returned."""

    profile: Profile
    trace: bool


def shown_of(
    body: ChatRequest, wanted: Wanted, header: str | None, settings: OpenAISettings
) -> Shown:
    """Say how an answer is shown: a field of the request before a header, a name, the settings.

    Raises:
        UsageError: the header names no profile.
    """
    profiles: dict[str, Profile] = {
        "strict": "strict",
        "openwebui": "openwebui",
        "librechat": "librechat",
    }
    if header and header not in profiles:
        raise UsageError(f"no profile is called {header!r}.", hint=f"Known: {', '.join(profiles)}.")
    by_header = profiles[header] if header else None
    return Shown(
        profile=body.profile or by_header or wanted.profile or settings.profile,
        trace=wanted.trace if body.trace is None else body.trace,
    )


def ask_of(body: ChatRequest, wanted: Wanted, instructions: str, settings: OpenAISettings) -> Ask:
    """Say what the orchestrator is asked; fields of the request go before its model's name.

    Raises:
        UsageError: something is asked for that there is not.
    """
    if body.n not in (None, 1):
        raise UsageError(f"n is {body.n}; there is one answer.", hint="Leave it out, or ask again.")
    if body.tool_choice not in (None, "none", "auto"):
        raise UsageError(
            "a tool is required, and nothing here calls tools.", hint="Set tool_choice to 'auto'."
        )
    indexes = wanted.indexes if body.indexes is None else tuple(body.indexes)
    limit = body.max_completion_tokens or body.max_tokens
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    return Ask(
        retrieval=body.retrieval or wanted.retrieval or "auto",
        indexes=indexes,
        where=None if body.where is None else Where.of(body.where),
        reliance=wanted.reliance if body.reliance is None else body.reliance,
        expert=wanted.expert,
        instructions=instructions,
        sampling=_sampling(body),
        max_new_tokens=None if limit is None else min(limit, settings.max_tokens),
        stop=tuple(filter(None, stop)),
    )


def _sampling(body: ChatRequest) -> Sampling | None:
    """How to draw; None takes the likeliest tokens, as where nothing is said of it."""
    drawn = body.temperature is not None or (body.top_p is not None and body.top_p < 1)
    if not drawn or body.temperature == 0:
        return None
    return Sampling(
        temperature=1.0 if body.temperature is None else body.temperature,
        top_p=body.top_p or 1.0,
        # Whoever asks again without a seed wants another answer.
        seed=secrets.randbits(48) if body.seed is None else body.seed,
    )
