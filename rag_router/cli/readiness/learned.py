"""Whether what was learned is there, and belongs to the models in use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rag_router.artefacts import Artefact
from rag_router.cli.readiness.findings import Finding, tried
from rag_router.errors import RagRouterError
from rag_router.settings import Component, Settings

__all__ = ["learned"]


def learned(settings: Settings) -> Iterator[Finding]:
    """Look for artefacts, by the fingerprints of the models that are there.

    Prompts are compared when the models are loaded, for it takes their tokenizers to tell.
    """
    from rag_router.decoders import DECODERS
    from rag_router.filters import FILTERS
    from rag_router.filters.learned_of import owner_of
    from rag_router.gates import GATES
    from rag_router.pooling import experts_of, settings_of
    from rag_router.verify import VERIFIERS

    embedder = _print_of(settings.embedder.model)
    locals_ = [one for one in experts_of(settings) if one.url is None]
    # With an adapter over it, a model is another one, whose print is known once it is loaded.
    prints = {one.name: None if one.adapter else _print_of(one.model) for one in locals_}
    for expert in locals_:
        own = settings_of(settings, expert)
        chosen = [("gate", GATES, own.gate), ("decoder", DECODERS, own.decoder)]
        if own.verify is not None:
            chosen.append(("verifier", VERIFIERS, own.verify))
        for kind, registry, component in chosen:
            yield from _one(kind, registry, component, prints[expert.name], expert.model)
    for component in settings.filters:
        options = {k: v for k, v in component.options.items() if k != "artefact"}
        owner = owner_of(FILTERS.build(component.name, **options))
        if owner == "embedder":
            yield from _one("filter", FILTERS, component, embedder, settings.embedder.model)
        elif owner == "own" or not locals_:
            yield from _one("filter", FILTERS, component, None, "a model of its own")
        else:
            for expert in locals_:
                yield from _one("filter", FILTERS, component, prints[expert.name], expert.model)
    yield from _folders(settings)


def _one(
    kind: str, registry: Any, component: Component, prints: str | None, model: str
) -> Iterator[Finding]:
    from rag_router.fitted import shipped

    named = component.options.get("artefact")
    learns = hasattr(registry.get(component.name), "with_artefact")
    what, name = f"{kind} {component.name}", registry.canonical(component.name)
    if named is not None:
        folder = Path(str(named)).expanduser()
        yield tried(what, partial(_named, folder, f"{kind}/{name}", prints))
    elif learns and prints is not None:
        found = shipped(kind, name, prints)
        if found is None:
            hint = f"Fit it: rag-router {_command(kind)} fit {name}; or choose one that needs none."
            said = f"not fitted for {model}: answers say that it is not calibrated."
            yield Finding(what, "warning", said, hint)
        else:
            yield Finding(what, "ok", f"fitted for {model}")


def _named(folder: Path, method: str, prints: str | None) -> str:
    from rag_router.errors import ArtefactError

    card = Artefact.load(folder, model_fingerprint=prints).card
    if card.method != method:
        raise ArtefactError(
            f"{folder} was fitted for {card.method}, not for {method}.",
            hint="Name another artefact, or fit one.",
        )
    return f"{folder}, fitted for {card.model}"


def _folders(settings: Settings) -> Iterator[Finding]:
    """Artefacts of what is bound to neither generator nor embedder alone."""
    named = (
        ("policy", settings.policy.artefact),
        ("expert_router", settings.expert_router.options.get("artefact")),
        ("retriever", settings.retriever.options.get("artefact")),
    )
    for what, folder in named:
        if folder is not None:
            yield tried(what, partial(_whole, Path(str(folder)).expanduser()))


def _whole(folder: Path) -> str:
    card = Artefact.load(folder).card
    return f"{folder}, {card.method}"


def _command(kind: str) -> str:
    return {"verifier": "decoder"}.get(kind, kind)


def _print_of(name: str) -> str | None:
    """The fingerprint of a model; None where it is not there, which is told elsewhere."""
    from rag_router.models.store import ModelStore

    try:
        return ModelStore().resolve(name).fingerprint
    except RagRouterError:
        return None
