"""What the answers of a job depend on besides the questions, by name.

Answers that depend on other things are never mixed in one output, and whoever tries is told which
of them changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from rag_router import __version__
from rag_router.artefacts import fingerprint_of
from rag_router.orchestrator import Ask
from rag_router.settings import Settings

__all__ = ["fingerprint_of_facts", "job_facts"]

_NO_MATTER: Final = frozenset(
    {"audit", "documents", "home", "openai", "pool", "redaction", "serve", "store", "tenants"}
)
_NO_MATTER_BELOW: Final = frozenset(
    {
        "embedder.device",
        "generator.batch_size",
        "generator.compile",
        "generator.device",
        "generator.prefix_cache_mb",
        "limits.answer_seconds",
        "limits.ingestion_jobs",
        "limits.output_tokens",
        "limits.questions_per_request",
        "limits.request_mb",
        "limits.request_values",
        "limits.requests_per_day",
        "limits.requests_per_minute",
        "limits.tokens_per_day",
        "limits.tokens_per_minute",
    }
)
"""What changes how fast an answer comes, and not what it says."""


def job_facts(
    service: Any, ask: Ask, settings: Settings | None = None, **more: str
) -> dict[str, str]:
    """Gather what the answers depend on.

    Args:
        service: Who answers.
        ask: What is wanted otherwise.
        settings: Those that the service was made of, where it was made of settings.
        more: Whatever else, by name.
    """
    facts = {"version": __version__, **more}
    for name in ("retrieval", "indexes", "reliance", "expert", "tenant", "tokens"):
        facts[f"ask.{name}"] = repr(getattr(ask, name))
    for name in ("where", "sampling", "instructions", "max_new_tokens", "stop"):
        if value := getattr(ask, name):
            facts[f"ask.{name}"] = repr(value)
    expert = getattr(service, "expert", None)
    if expert is not None:
        facts["model"] = f"{expert.name} {expert.model.fingerprint[:16]}"
        facts["prompt"] = expert.style.contextual_fingerprint[:16]
    for name, index in sorted(dict(getattr(service, "indices", {})).items()):
        if (manifest := getattr(index, "manifest", None)) is not None:
            facts[f"index {name}"] = f"generation {manifest.generation} of {manifest.created}"
    if settings is not None:
        facts |= _flat(settings)
    return facts


def fingerprint_of_facts(facts: Mapping[str, str]) -> str:
    """Return the hash of all facts."""
    return fingerprint_of(json.dumps(dict(sorted(facts.items()))))


def _flat(settings: Settings) -> dict[str, str]:
    said = settings.model_dump(mode="json")
    flat: dict[str, str] = {}
    for name, value in said.items():
        if name in _NO_MATTER:
            continue
        if isinstance(value, dict):
            for key, one in value.items():
                flat[f"{name}.{key}"] = json.dumps(one, sort_keys=True)
        else:
            flat[name] = json.dumps(value, sort_keys=True)
    return {name: said for name, said in flat.items() if name not in _NO_MATTER_BELOW}
