"""Whether the libraries and the models are there that the settings ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from rag_router.cli.readiness.findings import Finding, tried
from rag_router.cli.serve import NEEDED
from rag_router.registry import Registry
from rag_router.settings import Component, Settings

__all__ = ["libraries", "models"]


def libraries(settings: Settings) -> Iterator[Finding]:
    """Look for what is imported."""
    wanted: list[tuple[str, tuple[str, ...]]] = [("api", NEEDED)]
    if (settings.store.url or "").startswith("postgresql"):
        wanted.append(("postgres", ("psycopg",)))
    for extra, names in wanted:
        lacking = [name for name in names if find_spec(name) is None]
        if lacking:
            hint = f"Run: pip install 'rag-router[{extra}]'"
            yield Finding(f"extra {extra}", "error", f"{', '.join(lacking)} is missing.", hint)
        else:
            yield Finding(f"extra {extra}", "ok", "installed")


def models(settings: Settings) -> Iterator[Finding]:
    """Look for the models that must be there, and for those that can be done without."""
    from rag_router.experts.describing import missing
    from rag_router.pooling import experts_of, settings_of

    names: dict[str, None] = {}
    for one in experts_of(settings):
        if one.url is not None:
            yield tried(f"expert {one.name}", partial(_key_of, one))
            continue
        names |= dict.fromkeys(_names(settings_of(settings, one)))
        if one.adapter is not None and (lacking := missing(one)):
            hint = "Train it with `rag-router expert fit`, or take it out of the settings."
            yield Finding(f"expert {one.name}", "error", f"{lacking}.", hint)
    names[settings.embedder.model] = None
    for name in names:
        yield tried(f"model {name}", partial(_folder, name))
    own = {one.model for one in _components(settings) if isinstance(_model_of(one), str)}
    for name in sorted(own - set(names)):
        found = tried(f"model {name}", partial(_folder, name))
        if found.status == "error" and name.startswith("hf:"):
            said = f"{found.said} Answers do without, and say so."
            found = Finding(found.what, "warning", said, f"rag-router models fetch {name}")
        yield found


def _components(settings: Settings) -> Iterator[Any]:
    """Build what may have a model of its own, and yield all that it consists of."""
    from rag_router.filters import FILTERS
    from rag_router.retrievers import RETRIEVERS
    from rag_router.verify import VERIFIERS

    chosen: list[tuple[Registry[Any], Component]] = [
        (RETRIEVERS, settings.retriever),
        *((FILTERS, one) for one in settings.filters),
    ]
    if settings.verify is not None:
        chosen.append((VERIFIERS, settings.verify))
    for registry, component in chosen:
        options = component.options
        if registry is not RETRIEVERS:
            options.pop("artefact", None)
        yield from _within(registry.build(component.name, **options))


def _within(component: Any) -> Iterator[Any]:
    if not is_dataclass(component) or isinstance(component, type):
        return
    yield component
    for field in fields(component):
        value = getattr(component, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            yield from _within(one)


def _model_of(component: Any) -> Any:
    # Only what asks a model of its own says which, and does without where that is not there.
    return getattr(component, "model", None) if hasattr(component, "equipped") else None


def _names(settings: Settings) -> Iterator[str]:
    from rag_router.gates import GATES, signals_of
    from rag_router.signals.base import requirements

    yield settings.generator.model
    options = settings.gate.options
    if hasattr(GATES.get(settings.gate.name), "with_artefact"):
        options.pop("artefact", None)
    gate = GATES.build(settings.gate.name, **options)
    if "proxy" in requirements(signals_of(gate)).partners:
        yield settings.proxy.model


def _folder(name: str) -> str:
    from rag_router.models.store import ModelStore

    return str(ModelStore().resolve(name).path)


def _key_of(one: Any) -> str:
    from rag_router.experts.remote import remote_card
    from rag_router.models.remote_keys import load_key

    card = remote_card(one)
    load_key(variable=one.remote.key_env, file=one.remote.key_file, name=one.name)
    return f"{card.model} at {one.url}, which is not asked"
