"""From settings to a working orchestrator: the only file that knows every registry.

What is learned is looked up here: an artefact named in the settings, else the one shipped with
the package for the model in use, else none, and then every answer says so. The same composition
can be written in Python with the components' constructors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from rag_router.decoders import DECODERS, Strategy
from rag_router.decoders.knob import relying
from rag_router.decoders.learning import FittedDecoder
from rag_router.decoders.null_prompts import (
    null_entropies,
    wants_null_entropies,
    with_null_entropies,
)
from rag_router.decoders.requirements import abilities_of, require_abilities
from rag_router.errors import (
    ArtefactError,
    ModelError,
    SettingsError,
    UnknownNameError,
    UsageError,
)
from rag_router.experts import Expert
from rag_router.experts.fusion import FUSIONS
from rag_router.experts.routing import EXPERT_ROUTERS
from rag_router.filters import FILTERS, Filter, FittedFilter
from rag_router.filters.equipment import EquippableFilter
from rag_router.filters.learned_of import bound_to, owner_of
from rag_router.filters.threshold import ThresholdFilter
from rag_router.fitted import shipped
from rag_router.gates import GATES, FittedGate, Gate, signals_of
from rag_router.gates.words import not_shown
from rag_router.indices.chunkers import CHUNKERS
from rag_router.indices.trust import IndexTrust
from rag_router.models.prompts import PromptStyle
from rag_router.outlook import OutlookHead
from rag_router.policy import Policy, Sureness
from rag_router.registry import Registry, first_problem
from rag_router.retrievers import RETRIEVERS, Retriever, Searchable
from rag_router.retrievers.equipment import Equipment, equipped
from rag_router.retrievers.routing import ROUTERS
from rag_router.settings import GIVEN, Component, ExpertSettings, Settings
from rag_router.signals.base import Partners, requirements
from rag_router.verify import VERIFIERS, FittedVerifier, Rounds, Verifier

if TYPE_CHECKING:
    from rag_router.artefacts import Artefact
    from rag_router.indices.following import Following
    from rag_router.indices.index import Index
    from rag_router.indices.library import Library
    from rag_router.models.base import Ability, CausalModel, Embedder
    from rag_router.models.cross_encoder import CrossEncoder
    from rag_router.models.store import LocalModel
    from rag_router.orchestrator import Orchestrator

__all__ = [
    "REGISTRIES",
    "Parts",
    "assemble",
    "check",
    "check_reliance",
    "check_shown",
    "check_suits",
    "index_names",
    "load_decoder",
    "load_embedder",
    "load_expert",
    "load_filters",
    "load_gate",
    "load_outlook",
    "load_partners",
    "load_parts",
    "load_retriever",
    "load_verifier",
    "open_indexes",
    "require",
    "shared_filters",
    "suited",
    "taught",
]

REGISTRIES: Mapping[str, Registry[Any]] = {
    "chunker": CHUNKERS,
    "decoder": DECODERS,
    "filter": FILTERS,
    "fusion": FUSIONS,
    "expert_router": EXPERT_ROUTERS,
    "gate": GATES,
    "retriever": RETRIEVERS,
    "router": ROUTERS,
    "verifier": VERIFIERS,
}
"""Every kind of component that settings or options name."""

_BY_WORDS: Final = "self_judgement_before"
"""The gate of an expert that shows its words alone, where another is set for all: it needs neither
fitting nor a second model, and one word of the endpoint."""

_LOCAL: Final[frozenset[Ability]] = frozenset({"hidden_states", "logits", "streams"})
"""What every model shows that settings can name, before it is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The heavy parts, loaded once and shared.

    Attributes:
        expert: Who answers.
        embedder: Embeds questions; None where nobody asks for it.
        indexes: What is looked in, by name.
        proxy: Who answers in the expert's place where a gate wants that.
        retriever: One that another expert has been given already; None loads it.
        filters: Likewise those that are the same whoever answers, by what the settings say.
    """

    expert: Expert
    embedder: Embedder | None
    indexes: Mapping[str, Index]
    proxy: Expert | None = None
    retriever: Retriever | None = None
    filters: tuple[tuple[Component, Filter], ...] = ()

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
    model = parts.expert.model
    settings, make = _making(settings, parts.expert)
    outlook = load_outlook(settings, parts.expert)
    return make(
        expert=parts.expert,
        gate=load_gate(settings.gate, parts.expert),
        gate_name=settings.gate.name,
        decoder=load_decoder(settings.decoder, parts.expert),
        decoder_name=settings.decoder.name,
        retriever=parts.retriever
        or load_retriever(settings.retriever, parts.embedder, parts.indexes.values()),
        indices=parts.indexes,
        embedder=parts.embedder,
        proxy=parts.proxy,
        seed=settings.seed,
        filters=load_filters(settings, parts.embedder, parts.expert, kept=parts.filters),
        policy=_policy(settings, outlook),
        sureness=_sureness(settings, model, parts.expert.style),
        outlook=outlook,
        verifier=load_verifier(settings, parts.expert),
        rounds=_rounds(settings),
        trust=IndexTrust(settings.trust, uploads=settings.upload_trust, indexes=parts.indexes),
        message=settings.policy.message,
        max_new_tokens=settings.generator.max_new_tokens,
        batch_size=settings.generator.batch_size,
        question_characters=settings.limits.question_characters,
        answer_seconds=settings.limits.answer_seconds,
    )


def _making(settings: Settings, expert: Expert) -> tuple[Settings, Callable[..., Orchestrator]]:
    """Return the settings as far as the expert can follow them, and what answers with it."""
    from rag_router.orchestrator import Orchestrator

    if "logits" in expert.model.abilities:
        return settings, Orchestrator
    from rag_router.orchestrator.remote import RemoteOrchestrator

    settings, instead = suited(settings, expert.name, expert.model.abilities)
    return settings, partial(RemoteOrchestrator, instead=instead)


def suited(
    settings: Settings, expert: str, shown: frozenset[Ability]
) -> tuple[Settings, tuple[str, ...]]:
    """Put what goes by words in the place of what an expert does not show.

    Args:
        settings: Those of the service, or of the expert alone.
        expert: What it is called.
        shown: What it shows.

    Returns:
        Settings that it can follow; and in words what was put in the place of what.
    """
    changed: dict[str, Any] = {}
    instead: list[str] = []

    def note(kind: str, name: str, lacking: Iterable[str], then: str) -> None:
        instead.append(f"the {kind} {name!r} reads {', '.join(sorted(lacking))}: {then}")

    if lacking := not_shown(
        GATES.build(settings.gate.name, **_options(GATES, settings.gate)), shown
    ):
        changed["gate"] = Component(name=_BY_WORDS)
        note("gate", settings.gate.name, lacking, f"{_BY_WORDS!r} judges in its place")
    component = settings.decoder
    decoder = DECODERS.build(component.name, **_options(DECODERS, component))
    if lacking := abilities_of(decoder) - shown:
        changed["decoder"] = Component(name="plain")
        note("decoder", component.name, lacking, "passages are read as they are")
    kept = []
    for component in settings.filters:
        one = FILTERS.build(component.name, **_options(FILTERS, component))
        if lacking := _required(one) - shown:
            note("filter", component.name, lacking, "it is left out")
        else:
            kept.append(component)
    changed["filters"] = tuple(kept)
    if (verify := settings.verify) is not None:
        verifier = VERIFIERS.build(verify.name, **_options(VERIFIERS, verify))
        if lacking := _required(verifier) - shown:
            changed["verify"] = None
            note("verifier", verify.name, lacking, "answers are not verified")
    return settings.model_copy(update=changed), tuple(instead)


def check_suits(one: ExpertSettings, shown: frozenset[Ability]) -> None:
    """Make sure that an expert can do what its own settings ask of it.

    Args:
        one: Its settings; what it shares with others is put in their place by `suited`.
        shown: What it shows.

    Raises:
        SettingsError: its gate or decoder reads what it does not show; names those that would do.
        UnknownNameError: no gate or decoder goes by that name.
    """
    if one.gate is not None:
        gate = GATES.build(one.gate.name, **_options(GATES, one.gate))
        if lacking := not_shown(gate, shown):
            raise _unshown(one.gate.name, lacking, one.name, shown)
    if one.decoder is not None:
        decoder = DECODERS.build(one.decoder.name, **_options(DECODERS, one.decoder))
        require_abilities(decoder, shown, name=one.decoder.name, expert=one.name)


def _required(one: Any) -> frozenset[Ability]:
    """What a filter or verifier asks the generator to show."""
    return requirements((one,)).abilities


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
    _worth(settings)
    if settings.verify is not None:
        VERIFIERS.build(settings.verify.name, **_options(VERIFIERS, settings.verify))
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


def open_indexes(
    settings: Settings, embedder: Embedder | None, *, tolerant: bool = False
) -> Following:
    """Open the indexes that the settings name, or all of the home; what is newer is followed.

    Of a home as a whole, indexes that are made later are followed, too.

    Args:
        settings: What to open, and where.
        embedder: What questions are embedded with.
        tolerant: Whether one that is broken is left out, and every answer says so.

    Raises:
        UnknownNameError: an index is not there.
        IndexUnavailableError: an index is broken, or was built with another embedder.
    """
    from rag_router.indices.following import Following
    from rag_router.indices.library import Library

    library = Library(settings.home)
    others: dict[str, Embedder | None] = {}
    return Following(
        library,
        settings.indexes,
        lambda name: _opened(library, name, embedder, others),
        tolerant=tolerant,
    )


def _opened(
    library: Library, name: str, embedder: Embedder | None, others: dict[str, Embedder | None]
) -> Index:
    """Open an index; one that was built with another embedder is given that one for questions."""
    from rag_router.indices.scenarios import open_scenarios

    built = library.manifest(name).encoder
    if embedder is None or built.fingerprint == embedder.fingerprint:
        opened = library.open(name, embedder)
        if embedder is not None:
            opened.scenarios = open_scenarios(library, name, embedder)
        return opened
    if built.name not in others:
        others[built.name] = _embedder_at_hand(built.name)
    own = others[built.name]
    opened = library.open(name, own or embedder)
    opened.encoder = own
    opened.scenarios = None if own is None else open_scenarios(library, name, own)
    return opened


def _embedder_at_hand(name: str) -> Embedder | None:
    """Load an embedder that is there; one that is not, or is no model's name, is None."""
    from rag_router.models.embedder import load_embedder as load

    try:
        found = _resolve(name, None)
    except (UsageError, ModelError):
        return None
    return load(found) if found.kind == "embedder" else None


def index_names(settings: Settings) -> list[str]:
    """Return the names of the indexes that would be opened, without opening them.

    Raises:
        UnknownNameError: an index that the settings name, or trust, is not there.
    """
    from rag_router.indices.library import Library
    from rag_router.store.naming import of_a_tenant

    known = Library(settings.home).names()
    # A name that is misspelt would leave an index trusted that should not be.
    for name in (*(settings.indexes or ()), *sorted(settings.trust.keys() - {GIVEN})):
        if name not in known:
            hint = "" if known else "Make it: rag-router index add NAME PATH"
            raise UnknownNameError("index", name, known, hint=hint)
    if settings.indexes is not None:
        return list(settings.indexes)
    return [name for name in known if not of_a_tenant(name)]


def load_parts(
    settings: Settings, *, growing: bool = False, fetch: Callable[[str], Any] | None = None
) -> Parts:
    """Load everything that the settings name; embedder and proxy only where they are asked.

    Args:
        settings: What to load.
        growing: Whether there may be indexes later, where there are none yet.
        fetch: Called with the name of a model that is not there yet; None never fetches.

    Raises:
        UnavailableError: a model or an index is not to be had.
        UnknownNameError: an index is not there.
    """
    names = index_names(settings)
    expert = load_expert(settings, fetch=fetch)
    gate = load_gate(settings.gate, expert)
    embed = growing or bool(names)
    parts = load_partners(settings, expert, [gate], embed=embed, fetch=fetch)
    # A service starts with the indexes that are whole.
    return replace(parts, indexes=open_indexes(settings, parts.embedder, tolerant=growing))


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


def require(settings: Settings, *, growing: bool = False) -> None:
    """Make sure that everything to be loaded is there, without loading any of it.

    Args:
        settings: What is to be loaded.
        growing: Whether there may be indexes later, where there are none yet.

    Raises:
        ModelError: a model is not there; the hint says how to get it.
        UnknownNameError: an index is not there.
    """
    _resolve(settings.generator.model, None)
    # What a gate asks for can change with what it learned; its model is not there to tell yet.
    built = GATES.build(settings.gate.name, **_options(GATES, settings.gate))
    wanted = requirements(signals_of(built)).partners
    if index_names(settings) or growing or "embedder" in wanted:
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
    """Build the decoder that the settings name, as it was fitted for the expert.

    What it wants to know of the model besides is measured here.

    Raises:
        SettingsError: the decoder reads what the expert does not show; names those that would do.
        ArtefactError: the artefact that the settings name does not fit.
    """
    decoder = DECODERS.build(component.name, **_options(DECODERS, component))
    require_abilities(decoder, expert.model.abilities, name=component.name, expert=expert.name)
    decoder = taught(decoder, component, expert)
    if wants_null_entropies(decoder):
        return with_null_entropies(decoder, null_entropies(expert.model, expert.style))
    return decoder


def taught(decoder: Strategy, component: Component, expert: Expert) -> Strategy:
    """Return a decoder with what it learned for the expert, if it learns and has.

    Raises:
        ArtefactError: the artefact that the settings name does not fit, or holds nothing of that.
    """
    if not isinstance(decoder, FittedDecoder) or decoder.fitted:
        return decoder
    artefact = _decoder_artefact(component, expert.model, expert.style)
    if artefact is None:
        return decoder
    try:
        return decoder.with_artefact(artefact)
    except (KeyError, TypeError, ValueError) as exc:
        raise _unusable("decoder", component, exc) from exc


def load_filters(
    settings: Settings,
    embedder: Embedder | None,
    expert: Expert | None = None,
    *,
    kept: Iterable[tuple[Component, Filter]] = (),
) -> tuple[Filter, ...]:
    """Build the filters that the settings name, in order, each as it was fitted.

    Args:
        settings: What to build.
        embedder: Which most of them were fitted for.
        expert: Which those were fitted for that ask it.
        kept: Some that are there already, by what the settings say of them.

    Raises:
        ArtefactError: an artefact that the settings name does not fit.
        ModelError: a model of a filter's own is there, and is not what the filter asks.
    """
    retriever = RETRIEVERS.canonical(settings.retriever.name)
    there = list(kept)

    def one(component: Component) -> Filter:
        for said, made in there:
            if said == component:
                return made
        made = _filter(component, embedder, expert)
        return _for_retriever(made, component, retriever, embedder)

    return tuple(one(component) for component in settings.filters)


def shared_filters(
    settings: Settings, embedder: Embedder | None
) -> tuple[tuple[Component, Filter], ...]:
    """Build those filters that are the same whoever answers, each with what the settings say."""
    common = tuple(
        one
        for one in settings.filters
        if owner_of(FILTERS.build(one.name, **_options(FILTERS, one))) != "generator"
    )
    made = load_filters(settings.model_copy(update={"filters": common}), embedder)
    return tuple(zip(common, made, strict=True))


def load_retriever(
    component: Component,
    embedder: Embedder | None,
    indexes: Iterable[Searchable] = (),
) -> Retriever:
    """Build the retriever that the settings name, with what it has learned.

    Args:
        component: Its name and options.
        embedder: Embeds the questions; None where there are no indexes to look in.
        indexes: What it will look in; where there are none, nothing is checked against them.

    Raises:
        SettingsError: it routes among experts of which its router has learned nothing.
        ArtefactError: what it learned was learned with another embedder.
    """
    from rag_router.retrievers.routed import RoutedRetriever
    from rag_router.retrievers.routing.loading import check_experts

    built = RETRIEVERS.build(component.name, **component.options)
    built = equipped(built, Equipment(embedder=embedder, cross_encoder=_cross_encoder))
    there = list(indexes)
    if isinstance(built, RoutedRetriever) and embedder is not None and there:
        check_experts(built, there)
    return built


def _cross_encoder(name: str) -> CrossEncoder | None:
    """Load a cross-encoder; one of a hub that was never fetched is None."""
    from rag_router.models.cross_encoder import load_cross_encoder

    found = _found(name)
    return None if found is None else load_cross_encoder(found)


def check_shown(name: str, gate: Gate, expert: Expert) -> None:
    """Make sure that an expert shows what a gate reads.

    Raises:
        SettingsError: it does not; names the gates that would do.
    """
    if lacking := not_shown(gate, expert.model.abilities):
        raise _unshown(name, lacking, expert.name, expert.model.abilities)


def _unshown(
    name: str, lacking: Iterable[Ability], expert: str, shown: frozenset[Ability]
) -> SettingsError:
    fits = [other for other in GATES if not not_shown(GATES.build(other), shown)]
    return SettingsError(
        f"the gate {name!r} reads {', '.join(sorted(lacking))}, which {expert} does not show.",
        hint=f"Gates that would do: {', '.join(fits)}.",
    )


def _as_fitted(gate: FittedGate, artefact: Artefact, component: Component) -> Gate:
    """Bring back what a gate learned; weights are hashed, but a card can be edited by anybody.

    Raises:
        ArtefactError: the card or the weights lack something, or hold something impossible.
    """
    try:
        return gate.with_artefact(artefact)
    except (KeyError, TypeError, ValueError) as exc:
        raise _unusable("gate", component, exc) from exc


def _unusable(kind: str, component: Component, exc: Exception) -> ArtefactError:
    where = _artefact_folder(component) or "the shipped artefact"
    # pydantic's errors are ValueErrors, and say more in their own words.
    wrong = first_problem(exc) if isinstance(exc, ValidationError) else f"{exc!r}."
    return ArtefactError(
        f"{where} does not hold what the {kind} {component.name!r} learns: {wrong}",
        hint="Fit it again.",
    )


def _filter(component: Component, embedder: Embedder | None, expert: Expert | None) -> Filter:
    built = FILTERS.build(component.name, **_options(FILTERS, component))
    if isinstance(built, EquippableFilter):
        built = built.equipped(_found)
    if not isinstance(built, FittedFilter):
        return built
    prints = bound_to(built, embedder, expert)
    if prints is None:
        return built
    artefact = shipped(
        "filter",
        component.name,
        prints.model,
        named=_artefact_folder(component),
        prompt_hash=prints.prompt,
    )
    try:
        return built if artefact is None else built.with_artefact(artefact)
    except (KeyError, TypeError, ValueError) as exc:
        raise _unusable("filter", component, exc) from exc


def _for_retriever(
    one: Filter, component: Component, retriever: str, embedder: Embedder | None
) -> Filter:
    """Return a filter as it is, or unfitted where its artefact speaks of another retriever's hits.

    Raises:
        ArtefactError: such an artefact is named in the settings.
    """
    named = _artefact_folder(component)
    if not isinstance(one, ThresholdFilter) or not one.fitted or embedder is None:
        return one
    artefact = shipped("filter", component.name, embedder.fingerprint, named=named)
    of = None if artefact is None else artefact.card.notes.get("retriever")
    if of in (None, retriever):
        return one
    if named is not None:
        raise ArtefactError(
            f"{named} was fitted on what {of!r} finds, but the retriever in use is {retriever!r}.",
            hint=f"Fit it again: rag-router filter fit {component.name}",
        )
    return FILTERS.build(component.name, **_options(FILTERS, component))


def _sureness(settings: Settings, model: CausalModel, style: PromptStyle) -> Sureness:
    artefact = _decoder_artefact(settings.decoder, model, style)
    # A decoder may have learned what to say, and not yet how sure that is.
    if artefact is None or "curve" not in artefact.weights:
        return Sureness()
    return Sureness().with_artefact(artefact)


def _decoder_artefact(
    component: Component, model: CausalModel, style: PromptStyle
) -> Artefact | None:
    return shipped(
        "decoder",
        component.name,
        model.fingerprint,
        named=_artefact_folder(component),
        prompt_hash=style.contextual_fingerprint,
    )


def load_outlook(settings: Settings, expert: Expert) -> OutlookHead:
    """Bring back what the policy "joint" has learned of this service; unfitted if it has not.

    Raises:
        SettingsError: the settings promise a risk, and nothing was learned that keeps promises.
        ArtefactError: the artefact that the settings name does not fit.
    """
    policy = settings.policy
    if policy.name != "joint":
        return OutlookHead()
    found = shipped(
        "policy",
        "joint",
        expert.model.fingerprint,
        named=None if policy.artefact is None else policy.artefact.expanduser(),
        prompt_hash=expert.style.contextual_fingerprint,
    )
    # What gate and decoder say and do is part of what was learned.
    using = {"gate": settings.gate.name, "decoder": settings.decoder.name}
    taught = {} if found is None else {name: found.card.notes.get(name) for name in using}
    if found is not None and taught != using:
        if policy.artefact is not None:
            raise ArtefactError(
                f"{policy.artefact} was fitted with {taught}, but {using} are in use.",
                hint="Fit it for these: rag-router policy fit.",
            )
        found = None
    if found is None:
        return OutlookHead(wanted=True)
    try:
        return OutlookHead(wanted=True).with_artefact(found)
    except (KeyError, TypeError, ValueError) as exc:
        raise ArtefactError(
            f"{policy.artefact or 'the shipped artefact'} is no policy's: {exc!r}.",
            hint="Fit it again.",
        ) from exc


def load_verifier(settings: Settings, expert: Expert) -> Verifier | None:
    """Build the verifier that the settings name, as it was fitted for the expert.

    Raises:
        ArtefactError: the artefact that the settings name does not fit.
    """
    component = settings.verify
    if component is None:
        return None
    verifier = VERIFIERS.build(component.name, **_options(VERIFIERS, component))
    if isinstance(verifier, EquippableFilter):
        verifier = verifier.equipped(_found)
    if not isinstance(verifier, FittedVerifier):
        return verifier
    artefact = shipped(
        "verifier",
        component.name,
        expert.model.fingerprint,
        named=_artefact_folder(component),
        prompt_hash=expert.style.contextual_fingerprint,
    )
    try:
        return verifier if artefact is None else verifier.with_artefact(artefact)
    except (KeyError, TypeError, ValueError) as exc:
        raise _unusable("verifier", component, exc) from exc


def _found(name: str) -> LocalModel | None:
    """Find a model; one of a hub that was never fetched is None."""
    from rag_router.models.store import ModelStore

    if name.startswith("hf:") and not ModelStore().is_present(name):
        return None
    found: LocalModel = _resolve(name, None)
    return found


def _rounds(settings: Settings) -> Rounds:
    verify = settings.verify
    return Rounds() if verify is None else Rounds(most=verify.max_rounds, window=verify.window)


def _policy(settings: Settings, outlook: OutlookHead) -> Policy:
    names = {"min_support", "agreement_nats", "abstain"}
    given = settings.policy.model_dump(include=names, exclude_none=True)
    if outlook.fitted:
        # Whether passages help is told from what is read out of them.
        given.setdefault("min_support", 0.0)
    least = _worth(settings)
    if settings.policy.max_risk is not None:
        if not outlook.fitted:
            raise SettingsError(
                "policy.max_risk is set, and no outcomes were learned for this service.",
                hint="Fit it (rag-router policy fit), and name its folder as policy.artefact.",
            )
        limit = outlook.risk_limit(
            settings.policy.max_risk, confidence=settings.policy.risk_confidence
        )
        # No probability reaches 1: where no threshold keeps the promise, nothing is answered.
        least = max(least or 0.0, min(limit, 1.0))
    if least is not None:
        given["min_confidence"] = least
    return Policy(**given)


def _worth(settings: Settings) -> float | None:
    """The probability of being right from which on an answer is worth giving, where it is set.

    Raises:
        SettingsError: it is set twice, or a risk is promised that only "joint" can keep.
    """
    policy = settings.policy
    if policy.max_risk is not None and policy.name != "joint":
        raise SettingsError(
            f"policy.max_risk needs outcomes to keep its promise, which {policy.name!r} has not.",
            hint="Set policy.name = 'joint'.",
        )
    if policy.wrong_cost is None:
        return policy.min_confidence
    if policy.min_confidence is not None:
        raise SettingsError(
            "policy.wrong_cost and policy.min_confidence say the same in two ways.",
            hint="Set one of them: a cost of c is a confidence of c / (1 + c).",
        )
    return policy.wrong_cost / (1 + policy.wrong_cost)


def _options(registry: Registry[Any], component: Component) -> dict[str, Any]:
    """Return what the constructor takes; `artefact` is ours where something can be learned."""
    # Of every decoder it is learned how sure its answers are.
    learns = registry is DECODERS or hasattr(registry.get(component.name), "with_artefact")
    return {k: v for k, v in component.options.items() if not (learns and k == "artefact")}


def _artefact_folder(component: Component) -> Path | None:
    named = component.options.get("artefact")
    return None if named is None else Path(str(named)).expanduser()
