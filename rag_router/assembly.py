"""From settings to a working orchestrator: the only file that knows every registry.

What is learned is looked up here: an artefact named in the settings, else the one shipped with
the package for the model in use, else none, and then every answer says so. The same composition
can be written in Python with the components' constructors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from rag_router.decoders import DECODERS, Strategy
from rag_router.decoders.knob import relying
from rag_router.decoders.null_prompts import (
    null_entropies,
    wants_null_entropies,
    with_null_entropies,
)
from rag_router.decoders.requirements import require_abilities
from rag_router.errors import ArtefactError, SettingsError, UnknownNameError
from rag_router.experts import Expert
from rag_router.filters import FILTERS, Filter, FittedFilter
from rag_router.fitted import shipped
from rag_router.gates import GATES, FittedGate, Gate, signals_of
from rag_router.models.prompts import PromptStyle
from rag_router.policy import Policy, Sureness
from rag_router.registry import Registry, first_problem
from rag_router.retrievers import RETRIEVERS
from rag_router.settings import GIVEN, Component, Settings
from rag_router.signals.base import Partners, requirements

if TYPE_CHECKING:
    from rag_router.artefacts import Artefact
    from rag_router.indices.index import Index
    from rag_router.models.base import Ability, CausalModel, Embedder
    from rag_router.orchestrator import Orchestrator

__all__ = [
    "REGISTRIES",
    "Parts",
    "assemble",
    "check",
    "check_reliance",
    "check_shown",
    "index_names",
    "load_decoder",
    "load_embedder",
    "load_expert",
    "load_gate",
    "load_partners",
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

_LOCAL: Final[frozenset[Ability]] = frozenset({"hidden_states", "logits", "streams"})
"""What every model shows that settings can name, before it is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The heavy parts, loaded once and shared."""

    expert: Expert
    embedder: Embedder | None
    indexes: Mapping[str, Index]
    proxy: Expert | None = None

    @property
    def partners(self) -> Partners:
        """Whom gates may consult besides the expert."""
        proxy = None if self.proxy is None else (self.proxy.model, self.proxy.style)
        return Partners(proxy=proxy, embedder=self.embedder, indexes=tuple(self.indexes.values()))


def assemble(settings: Settings, parts: Parts) -> Orchestrator:
    """Put an orchestrator together from settings and loaded parts.

    Raises:
        SettingsError: a component or one of its options is wrong, or asks more of the model than
            it shows.
        UnknownNameError: no component goes by a name.
        ArtefactError: an artefact that the settings name does not fit the model.
    """
    from rag_router.orchestrator import Orchestrator

    model = parts.expert.model
    return Orchestrator(
        expert=parts.expert,
        gate=load_gate(settings.gate, parts.expert),
        gate_name=settings.gate.name,
        decoder=load_decoder(settings.decoder, parts.expert),
        decoder_name=settings.decoder.name,
        retriever=RETRIEVERS.build(settings.retriever.name, **settings.retriever.options),
        indices=parts.indexes,
        embedder=parts.embedder,
        proxy=parts.proxy,
        seed=settings.seed,
        filters=tuple(_filter(f, parts.embedder) for f in settings.filters),
        policy=_policy(settings),
        sureness=_sureness(settings, model, parts.expert.style),
        trust=settings.trust,
        message=settings.policy.message,
        max_new_tokens=settings.generator.max_new_tokens,
        batch_size=settings.generator.batch_size,
        question_characters=settings.limits.question_characters,
        answer_seconds=settings.limits.answer_seconds,
    )


def check(settings: Settings, *, shown: frozenset[Ability] = _LOCAL) -> None:
    """Build every component without loading a model, to find what is wrong with the settings.

    Args:
        settings: What to check.
        shown: What the generator will show once it is loaded.

    Raises:
        UsageError: a name or option is wrong, or the decoder asks more of the generator than it
            shows.
    """
    GATES.build(settings.gate.name, **_options(GATES, settings.gate))
    name = settings.decoder.name
    decoder = DECODERS.build(name, **_options(DECODERS, settings.decoder))
    require_abilities(decoder, shown, name=name, expert=settings.generator.model)
    RETRIEVERS.build(settings.retriever.name, **settings.retriever.options)
    for component in settings.filters:
        FILTERS.build(component.name, **_options(FILTERS, component))


def check_reliance(settings: Settings, reliance: float | None) -> None:
    """Make sure that the decoder of the settings can be asked for this reliance on memory.

    Raises:
        UsageError: it is out of range, or the decoder has no such knob.
    """
    component = settings.decoder
    decoder = DECODERS.build(component.name, **_options(DECODERS, component))
    relying(decoder, reliance, name=component.name)


def load_expert(
    settings: Settings,
    *,
    model: str | None = None,
    fetch: Callable[[str], Any] | None = None,
) -> Expert:
    """Load the generator that the settings name, or another model on the same terms.

    Args:
        settings: What to load, and where.
        model: Which one; None is the generator.
        fetch: Called with the model's name where it is not there yet; None never fetches.

    Raises:
        ModelError: the model is not to be had.
    """
    from rag_router.models.causal import TransformersModel

    found = _resolve(model or settings.generator.model, fetch)
    loaded = TransformersModel.load(
        found.path,
        name=found.name,
        fingerprint=found.fingerprint,
        device=settings.generator.device,
        dtype=settings.generator.dtype,
        prefix_cache_mb=settings.generator.prefix_cache_mb,
        compiled=settings.generator.compile,
    )
    style = PromptStyle.of(loaded, passage_tokens=settings.generator.passage_tokens)
    return Expert(name=found.name, model=loaded, style=style)


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
        UnknownNameError: an index that the settings name, or trust, is not there.
    """
    from rag_router.indices.library import Library

    known = Library(settings.home).names()
    # A name that is misspelt would leave an index trusted that should not be.
    for name in (*(settings.indexes or ()), *sorted(settings.trust.keys() - {GIVEN})):
        if name not in known:
            hint = "" if known else "Make it: rag-router index add NAME PATH"
            raise UnknownNameError("index", name, known, hint=hint)
    return known if settings.indexes is None else list(settings.indexes)


def load_parts(settings: Settings, *, fetch: Callable[[str], Any] | None = None) -> Parts:
    """Load everything that the settings name; embedder and proxy only where they are asked.

    Raises:
        UnavailableError: a model or an index is not to be had.
        UnknownNameError: an index is not there.
    """
    names = index_names(settings)
    expert = load_expert(settings, fetch=fetch)
    gate = load_gate(settings.gate, expert)
    parts = load_partners(settings, expert, [gate], embed=bool(names), fetch=fetch)
    return replace(parts, indexes=open_indexes(settings, parts.embedder))


def load_partners(
    settings: Settings,
    expert: Expert,
    gates: Iterable[Gate],
    *,
    embed: bool = False,
    fetch: Callable[[str], Any] | None = None,
) -> Parts:
    """Load whom gates consult besides the expert, and nobody else.

    Args:
        settings: What to load.
        expert: Loaded already.
        gates: Those that will judge.
        embed: Whether the embedder is wanted whatever the gates ask for.
        fetch: Called with the name of a model that is not there yet; None never fetches.

    Raises:
        ModelError: a model is not to be had.
    """
    wanted = requirements(signal for gate in gates for signal in signals_of(gate)).partners
    embedder = load_embedder(settings, fetch=fetch) if embed or "embedder" in wanted else None
    proxy = None
    if "proxy" in wanted:
        proxy = load_expert(settings, model=settings.proxy.model, fetch=fetch)
    return Parts(expert=expert, embedder=embedder, indexes={}, proxy=proxy)


def require(settings: Settings) -> None:
    """Make sure that everything to be loaded is there, without loading any of it.

    Raises:
        ModelError: a model is not there; the hint says how to get it.
        UnknownNameError: an index is not there.
    """
    _resolve(settings.generator.model, None)
    # What a gate asks for can change with what it learned; its model is not there to tell yet.
    built = GATES.build(settings.gate.name, **_options(GATES, settings.gate))
    wanted = requirements(signals_of(built)).partners
    if index_names(settings) or "embedder" in wanted:
        _resolve(settings.embedder.model, None)
    if "proxy" in wanted:
        _resolve(settings.proxy.model, None)


def _resolve(name: str, fetch: Callable[[str], Any] | None) -> Any:
    from rag_router.models.store import ModelStore

    store = ModelStore()
    if fetch is not None and not store.is_present(name):
        fetch(name)
    return store.resolve(name)


def load_gate(component: Component, expert: Expert) -> Gate:
    """Build the gate that the settings name, as it was fitted for the expert.

    Raises:
        SettingsError: the gate reads what the expert does not show; names the gates that would do.
        ArtefactError: the artefact that the settings name does not fit.
    """
    from rag_router.gates.retrieval_benefit import RetrievalBenefitGate

    gate = GATES.build(component.name, **_options(GATES, component))
    if isinstance(gate, FittedGate):
        artefact = shipped(
            "gate",
            GATES.canonical(component.name),
            expert.model.fingerprint,
            named=_artefact_folder(component),
            prompt_hash=expert.style.fingerprint,
        )
        gate = gate if artefact is None else _as_fitted(gate, artefact, component)
        if artefact is None and isinstance(gate, RetrievalBenefitGate) and not gate.gates:
            # What is known can be told without having been told where passages help.
            gate = gate.with_knower(load_gate(Component(name=gate.knows), expert))
    check_shown(component.name, gate, expert)
    return gate


def load_decoder(component: Component, expert: Expert) -> Strategy:
    """Build the decoder that the settings name, and measure of the model what it wants to know.

    Raises:
        SettingsError: the decoder reads what the expert does not show; names those that would do.
    """
    decoder = DECODERS.build(component.name, **_options(DECODERS, component))
    require_abilities(decoder, expert.model.abilities, name=component.name, expert=expert.name)
    if wants_null_entropies(decoder):
        return with_null_entropies(decoder, null_entropies(expert.model, expert.style))
    return decoder


def check_shown(name: str, gate: Gate, expert: Expert) -> None:
    """Make sure that an expert shows what a gate reads.

    Raises:
        SettingsError: it does not; names the gates that would do.
    """
    lacking = requirements(signals_of(gate)).abilities - expert.model.abilities
    if lacking:
        fits = [other for other in GATES if _can_judge(other, expert)]
        raise SettingsError(
            f"the gate {name!r} reads {', '.join(sorted(lacking))}, "
            f"which {expert.name} does not show.",
            hint=f"Gates that would do: {', '.join(fits)}.",
        )


def _as_fitted(gate: FittedGate, artefact: Artefact, component: Component) -> Gate:
    """Bring back what a gate learned; weights are hashed, but a card can be edited by anybody.

    Raises:
        ArtefactError: the card or the weights lack something, or hold something impossible.
    """
    try:
        return gate.with_artefact(artefact)
    except (KeyError, TypeError, ValueError) as exc:  # pydantic's errors are ValueErrors
        where = _artefact_folder(component) or "the shipped artefact"
        wrong = first_problem(exc) if isinstance(exc, ValidationError) else f"{exc!r}."
        raise ArtefactError(
            f"{where} does not hold what the gate {component.name!r} learns: {wrong}",
            hint="Fit it again.",
        ) from exc


def _can_judge(name: str, expert: Expert) -> bool:
    return requirements(signals_of(GATES.build(name))).abilities <= expert.model.abilities


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
