"""From settings to a pool of experts that answers, or to the one generator where there is no pool.

All experts share retriever, indexes, embedder, filters and proxy; gate, decoder and whatever else
was learned of a model are each one's own. Nothing of an expert is loaded before it is first asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rag_router.assembly import (
    Parts,
    assemble,
    check,
    check_suits,
    index_names,
    load_embedder,
    load_expert,
    load_gate,
    load_parts,
    load_retriever,
    open_indexes,
    require,
    shared_filters,
    suited,
)
from rag_router.decoders import DECODERS
from rag_router.decoders.knob import has_knob
from rag_router.errors import ModelError
from rag_router.experts import Card, Expert
from rag_router.experts.adapting import adapted_expert
from rag_router.experts.describing import describe, missing, parameters_in
from rag_router.experts.pool import Loaded, Member, Pool
from rag_router.experts.preloading import preload
from rag_router.experts.routing import EXPERT_ROUTERS
from rag_router.experts.routing.loading import expert_router
from rag_router.fusing import check_fusion, fused
from rag_router.gates import signals_of
from rag_router.settings import ExpertSettings, Settings
from rag_router.signals.base import requirements

if TYPE_CHECKING:
    from rag_router.experts.base import Answering
    from rag_router.models.base import Embedder
    from rag_router.orchestrator import Orchestrator, PooledOrchestrator

__all__ = [
    "cards",
    "check_service",
    "experts_of",
    "load_pool",
    "load_service",
    "members_of",
    "require_service",
    "settings_of",
    "without_knob",
]

_MB: Final = 2**20
_BYTES_A_WEIGHT: Final = {"float32": 4, "bfloat16": 2}

Fetch = Callable[[str], Any]


def load_service(
    settings: Settings, *, growing: bool = False, ahead: bool = False, fetch: Fetch | None = None
) -> Orchestrator | PooledOrchestrator:
    """Return what answers: a pool where the settings name experts, else their generator.

    Args:
        settings: What to load.
        growing: Whether there may be indexes later, where there are none yet.
        ahead: Whether it goes on answering, so that it is worth to load before it is asked: the
            experts that settings preload, what indexes lack of their terms, and later other
            experts while an endpoint is waited for.
        fetch: Called with the name of a model that is not there yet; None never fetches.

    Raises:
        UnavailableError: a model or an index is not to be had.
        UsageError: the settings are wrong.
    """
    service: Orchestrator | PooledOrchestrator
    if settings.experts or settings.fusion:
        service = fused(settings, load_pool(settings, ahead=ahead, fetch=fetch))
    else:
        service = assemble(settings, load_parts(settings, growing=growing, fetch=fetch))
    if ahead:
        for index in service.indices.values():
            # Terms that an index was published without are counted now, not by the first question.
            index.reach("")
    return service


def load_pool(
    settings: Settings, *, ahead: bool = False, fetch: Fetch | None = None
) -> PooledOrchestrator:
    """Return the pool of experts that the settings name; its experts are loaded when asked.

    Args:
        settings: What to load.
        ahead: Whether some are loaded before that; see `load_service`.
        fetch: Called with the name of a model that is not there yet; None never fetches.

    Raises:
        UnavailableError: the embedder or an index is not to be had.
        UsageError: the settings are wrong.
    """
    from rag_router.orchestrator import PooledOrchestrator

    index_names(settings)
    embedder = load_embedder(settings, fetch=fetch)
    common = _Common(settings, embedder, fetch, tolerant=ahead)
    most = settings.pool.memory_mb
    pool: Pool[Answering] = Pool(
        members_of(settings, common.orchestrator, fetch=fetch),
        max_bytes=None if most is None else most * _MB,
    )
    if ahead:
        preload(pool, [one.name for one in settings.experts if one.preload])
    component = settings.expert_router
    return PooledOrchestrator(
        pool=pool,
        router=expert_router(component.name, component.options, fingerprint=embedder.fingerprint),
        router_name=component.name,
        gate_name=settings.gate.name,
        embedder=embedder,
        indices=common.indexes,
        batch_size=settings.generator.batch_size,
        question_characters=settings.limits.question_characters,
        answer_seconds=settings.limits.answer_seconds,
        without_knob=without_knob(settings),
        message=settings.policy.message,
        ahead=ahead,
        seed=settings.seed,
    )


def check_service(settings: Settings) -> None:
    """Build every component without loading a model, to find what is wrong with the settings.

    Raises:
        UsageError: a name or option is wrong, or an expert's own gate or decoder asks more of it
            than it shows.
    """
    check(settings)
    check_fusion(settings)
    if not settings.experts:
        return
    options = settings.expert_router.options
    options.pop("artefact", None)
    EXPERT_ROUTERS.build(settings.expert_router.name, **options)
    for one in settings.experts:
        card = describe(one)
        check_suits(one, card.abilities)
        if one.url is None:
            check(settings_of(settings, one))


def require_service(settings: Settings, *, growing: bool = False) -> None:
    """Make sure that everything to be loaded is there, without loading any of it.

    Args:
        settings: What is to be loaded.
        growing: Whether there may be indexes later, where there are none yet.

    Raises:
        ModelError: a model or adapter is not there; the hint says how to get it.
        UnknownNameError: an index is not there.
    """
    if not settings.experts:
        require(settings, growing=growing)
        return
    for one in settings.experts:
        if one.url is not None:
            continue
        require(settings_of(settings, one), growing=growing)
        if lacking := missing(one):
            raise ModelError(
                f"the expert {one.name} is not whole: {lacking}.",
                hint="Train it with `rag-router expert fit`, or take it out of the settings.",
            )


def cards(settings: Settings) -> list[Card]:
    """Describe the experts that the settings name, or the one generator where they name none.

    Raises:
        UsageError: nothing goes by a model's name, or an address cannot be used.
    """
    return [describe(one) for one in experts_of(settings)]


def experts_of(settings: Settings) -> tuple[ExpertSettings, ...]:
    """Return the experts that the settings name, or the one generator where they name none."""
    model = settings.generator.model
    return settings.experts or (ExpertSettings(name=model, model=model),)


def settings_of(settings: Settings, one: ExpertSettings) -> Settings:
    """Return the settings as they hold for one expert: its own in the place of the common ones."""
    changes: dict[str, Any] = {
        "generator": settings.generator.model_copy(update={"model": one.model})
    }
    if one.gate is not None:
        changes["gate"] = one.gate
    if one.decoder is not None:
        changes["decoder"] = one.decoder
    return settings.model_copy(update=changes)


def without_knob(settings: Settings) -> dict[str, str]:
    """Return the experts whose decoder has no knob for reliance on memory, and that decoder.

    Raises:
        UsageError: a decoder's name or options are wrong.
    """
    found: dict[str, str] = {}
    for one in experts_of(settings):
        own, shown = settings_of(settings, one), describe(one).abilities
        if "logits" not in shown:
            own, _ = suited(own, one.name, shown)
        component = own.decoder
        options = {key: value for key, value in component.options.items() if key != "artefact"}
        if not has_knob(DECODERS.build(component.name, **options)):
            found[one.name] = component.name
    return found


def members_of(
    settings: Settings,
    answering: Callable[[ExpertSettings, Expert], Answering],
    *,
    fetch: Fetch | None = None,
) -> list[Member[Any]]:
    """Return the members of the pool: each model once, and each expert over its model.

    Args:
        settings: Which experts there are.
        answering: Makes what answers of an expert's settings and its model.
        fetch: Called with the name of a model that is not there yet; None never fetches.
    """
    members: dict[str, Member[Any]] = {}
    for one in settings.experts:
        card = describe(one)
        if one.url is not None:
            members[one.name] = _remote(settings, one, card, answering)
            continue
        weights = f"the weights of {one.model}"
        if weights not in members:
            members[weights] = _weights(settings, one, weights, fetch)
        members[one.name] = _local(settings, one, card, weights, answering)
    return list(members.values())


def _weights(
    settings: Settings, one: ExpertSettings, name: str, fetch: Fetch | None
) -> Member[Expert]:
    own = settings_of(settings, one)

    def load(_: None) -> Loaded[Expert]:
        expert = load_expert(own, fetch=fetch)
        network = getattr(expert.model, "network", None)
        held = 0 if network is None else sum(weight.nbytes for weight in network.parameters())
        return Loaded(expert, held)

    card = describe(one.model_copy(update={"adapter": None, "parameters": None}))
    a_weight = _BYTES_A_WEIGHT.get(settings.generator.dtype, 4)
    return Member(name=name, load=load, bytes=card.parameters * a_weight)


def _local(
    settings: Settings,
    one: ExpertSettings,
    card: Card,
    weights: str,
    answering: Callable[[ExpertSettings, Expert], Answering],
) -> Member[Answering]:
    def load(base: Expert) -> Loaded[Answering]:
        from rag_router.models.adapters import AdaptedModel

        if one.adapter is None:
            return Loaded(answering(one, replace(base, name=one.name)))
        expert = adapted_expert(base, one.adapter.expanduser(), name=one.name)
        assert isinstance(expert.model, AdaptedModel)
        return Loaded(answering(one, expert), expert.model.adapter.nbytes)

    a_weight = _BYTES_A_WEIGHT.get(settings.generator.dtype, 4)
    own = 0 if one.adapter is None else parameters_in(one.adapter.expanduser()) * a_weight
    return Member(name=one.name, load=load, over=weights, bytes=own, card=card)


def _remote(
    settings: Settings,
    one: ExpertSettings,
    card: Card,
    answering: Callable[[ExpertSettings, Expert], Answering],
) -> Member[Answering]:
    from rag_router.experts.remote import load_remote

    def load(_: None) -> Loaded[Answering]:
        tokens = settings.generator.passage_tokens
        return Loaded(answering(one, load_remote(one, passage_tokens=tokens, seed=settings.seed)))

    return Member(name=one.name, load=load, card=card)


class _Common:
    """What all experts of a pool share; loaded once, by whoever wants it first.

    Args:
        settings: Those of the whole service.
        embedder: Loaded already.
        fetch: Called with the name of a model that is not there yet; None never fetches.
        tolerant: Whether a broken index is left out instead of being an error.
    """

    def __init__(
        self, settings: Settings, embedder: Embedder, fetch: Fetch | None, *, tolerant: bool
    ) -> None:
        self._settings, self._fetch = settings, fetch
        self._lock = threading.Lock()
        self._proxy: Expert | None = None
        indexes = open_indexes(settings, embedder, tolerant=tolerant)
        self.indexes: Final = indexes
        self._parts = partial(
            Parts,
            embedder=embedder,
            indexes=indexes,
            retriever=load_retriever(settings.retriever, embedder, indexes.values()),
            filters=shared_filters(settings, embedder),
        )

    def orchestrator(self, one: ExpertSettings, expert: Expert) -> Orchestrator:
        """Put an expert's own orchestrator together."""
        own = settings_of(self._settings, one)
        followed = own
        if "logits" not in expert.model.abilities:
            followed, _ = suited(own, expert.name, expert.model.abilities)
        wanted = requirements(signals_of(load_gate(followed.gate, expert))).partners
        proxy = self._proxied() if "proxy" in wanted else None
        return assemble(own, self._parts(expert=expert, proxy=proxy))

    def _proxied(self) -> Expert:
        with self._lock:
            if self._proxy is None:
                model = self._settings.proxy.model
                self._proxy = load_expert(self._settings, model=model, fetch=self._fetch)
            return self._proxy
