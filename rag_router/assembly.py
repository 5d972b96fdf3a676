"""From settings to a working orchestrator: the only file that knows every registry.

What is learned is looked up here: an artefact named in the settings, else the one shipped with
the package for the model in use, else none, and then every answer says so. The same composition
can be written in Python with the components' constructors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_router.decoders import DECODERS
from rag_router.errors import UnknownNameError
from rag_router.experts import Expert
from rag_router.filters import FILTERS, Filter, FittedFilter
from rag_router.fitted import shipped
from rag_router.gates import GATES, FittedGate, Gate
from rag_router.models.prompts import PromptStyle
from rag_router.policy import Policy, Sureness
from rag_router.registry import Registry
from rag_router.retrievers import RETRIEVERS
from rag_router.settings import Component, Settings

if TYPE_CHECKING:
    from rag_router.indices.index import Index
    from rag_router.models.base import CausalModel, Embedder
    from rag_router.orchestrator import Orchestrator

__all__ = [
    "REGISTRIES",
    "Parts",
    "assemble",
    "check",
    "index_names",
    "load_embedder",
    "load_expert",
    "load_parts",
    "open_indexes",
    "require",
]

REGISTRIES: Mapping[str, Registry[Any]] = {
    "decoder": DECODERS,
    "filter": FILTERS,
    "gate": GATES,
    "retriever": RETRIEVERS,
}
"""Every kind of component that settings name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The heavy parts, loaded once and shared."""

    expert: Expert
    embedder: Embedder | None
    indexes: Mapping[str, Index]


def assemble(settings: Settings, parts: Parts) -> Orchestrator:
    """Put an orchestrator together from settings and loaded parts.

    Raises:
        SettingsError: a component or one of its options is wrong.
        UnknownNameError: no component goes by a name.
        ArtefactError: an artefact that the settings name does not fit the model.
    """
    from rag_router.orchestrator import Orchestrator

    model = parts.expert.model
    return Orchestrator(
        expert=parts.expert,
        gate=_gate(settings.gate, parts.expert),
        gate_name=settings.gate.name,
        decoder=DECODERS.build(settings.decoder.name, **_options(DECODERS, settings.decoder)),
        decoder_name=settings.decoder.name,
        retriever=RETRIEVERS.build(settings.retriever.name, **settings.retriever.options),
        indices=parts.indexes,
        embedder=parts.embedder,
        filters=tuple(_filter(f, parts.embedder) for f in settings.filters),
        policy=_policy(settings),
        sureness=_sureness(settings, model, parts.expert.style),
        message=settings.policy.message,
        max_new_tokens=settings.generator.max_new_tokens,
        batch_size=settings.generator.batch_size,
        question_characters=settings.limits.question_characters,
    )


def check(settings: Settings) -> None:
    """Build every component without loading a model, to find what is wrong with the settings.

    Raises:
        UsageError: a name or option is wrong.
    """
    GATES.build(settings.gate.name, **_options(GATES, settings.gate))
    DECODERS.build(settings.decoder.name, **_options(DECODERS, settings.decoder))
    RETRIEVERS.build(settings.retriever.name, **settings.retriever.options)
    for component in settings.filters:
        FILTERS.build(component.name, **_options(FILTERS, component))


def load_expert(settings: Settings, *, fetch: Callable[[str], Any] | None = None) -> Expert:
    """Load the generator that the settings name.

    Args:
        settings: What to load, and where.
        fetch: Called with the model's name where it is not there yet; None never fetches.

    Raises:
        ModelError: the model is not to be had.
    """
    from rag_router.models.causal import TransformersModel

    found = _resolve(settings.generator.model, fetch)
    model = TransformersModel.load(
        found.path,
        name=found.name,
        fingerprint=found.fingerprint,
        device=settings.generator.device,
        dtype=settings.generator.dtype,
    )
    style = PromptStyle.of(model, passage_tokens=settings.generator.passage_tokens)
    return Expert(name=found.name, model=model, style=style)


def load_embedder(settings: Settings, *, fetch: Callable[[str], Any] | None = None) -> Embedder:
    """Load the embedder that the settings name.

    Raises:
        ModelError: the model is not to be had.
    """
    from rag_router.models.embedder import load_embedder as load

    return load(_resolve(settings.embedder.model, fetch), device=settings.embedder.device)


def open_indexes(settings: Settings, embedder: Embedder | None) -> dict[str, Index]:
    """Open the indexes that the settings name, or all of the home.

    Raises:
        UnknownNameError: an index is not there.
        IndexUnavailableError: an index is broken, or was built with another embedder.
    """
    from rag_router.indices.library import Library

    library = Library(settings.home)
    names = library.names() if settings.indexes is None else settings.indexes
    return {name: library.open(name, embedder) for name in names}


def index_names(settings: Settings) -> list[str]:
    """Return the names of the indexes that would be opened, without opening them.

    Raises:
        UnknownNameError: an index that the settings name is not there.
    """
    from rag_router.indices.library import Library

    known = Library(settings.home).names()
    if settings.indexes is None:
        return known
    for name in settings.indexes:
        if name not in known:
            hint = "" if known else "Make it: rag-router index add NAME PATH"
            raise UnknownNameError("index", name, known, hint=hint)
    return list(settings.indexes)


def load_parts(settings: Settings, *, fetch: Callable[[str], Any] | None = None) -> Parts:
    """Load everything that the settings name; an embedder only where there is an index.

    Raises:
        UnavailableError: a model or an index is not to be had.
        UnknownNameError: an index is not there.
    """
    names = index_names(settings)
    expert = load_expert(settings, fetch=fetch)
    embedder = load_embedder(settings, fetch=fetch) if names else None
    return Parts(expert=expert, embedder=embedder, indexes=open_indexes(settings, embedder))


def require(settings: Settings) -> None:
    """Make sure that everything to be loaded is there, without loading any of it.

    Raises:
        ModelError: a model is not there; the hint says how to get it.
        UnknownNameError: an index is not there.
    """
    _resolve(settings.generator.model, None)
    if index_names(settings):
        _resolve(settings.embedder.model, None)


def _resolve(name: str, fetch: Callable[[str], Any] | None) -> Any:
    from rag_router.models.store import ModelStore

    store = ModelStore()
    if fetch is not None and not store.is_present(name):
        fetch(name)
    return store.resolve(name)


def _gate(component: Component, expert: Expert) -> Gate:
    gate = GATES.build(component.name, **_options(GATES, component))
    if isinstance(gate, FittedGate):
        artefact = shipped(
            "gate",
            component.name,
            expert.model.fingerprint,
            named=_artefact_folder(component),
            prompt_hash=expert.style.fingerprint,
        )
        return gate.with_artefact(artefact) if artefact is not None else gate
    return gate


def _filter(component: Component, embedder: Embedder | None) -> Filter:
    built = FILTERS.build(component.name, **_options(FILTERS, component))
    if isinstance(built, FittedFilter) and embedder is not None:
        named = _artefact_folder(component)
        artefact = shipped("filter", component.name, embedder.fingerprint, named=named)
        return built.with_artefact(artefact) if artefact is not None else built
    return built


def _sureness(settings: Settings, model: CausalModel, style: PromptStyle) -> Sureness:
    artefact = shipped(
        "decoder",
        settings.decoder.name,
        model.fingerprint,
        named=_artefact_folder(settings.decoder),
        prompt_hash=style.contextual_fingerprint,
    )
    return Sureness().with_artefact(artefact) if artefact is not None else Sureness()


def _policy(settings: Settings) -> Policy:
    given = settings.policy.model_dump(exclude={"message"}, exclude_none=True)
    return Policy(**given)


def _options(registry: Registry[Any], component: Component) -> dict[str, Any]:
    """Return what the constructor takes; `artefact` is ours where something can be learned."""
    # Of every decoder it is learned how sure its answers are.
    learns = registry is DECODERS or hasattr(registry.get(component.name), "with_artefact")
    return {k: v for k, v in component.options.items() if not (learns and k == "artefact")}


def _artefact_folder(component: Component) -> Path | None:
    named = component.options.get("artefact")
    return None if named is None else Path(str(named)).expanduser()
