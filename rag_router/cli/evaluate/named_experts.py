"""Experts that an evaluation names: models, or what the settings call an expert."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rag_router.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag_router.assembly import Parts
    from rag_router.experts import Expert
    from rag_router.experts.card import Card
    from rag_router.settings import ExpertSettings, Settings

__all__ = ["card_of", "load_named", "load_named_parts", "settings_for"]


def load_named(
    settings: Settings, name: str, *, fetch: Callable[[str], Any] | None = None
) -> Expert:
    """Load an expert of the settings, its adapter over its model, or a model by its own name.

    Raises:
        ModelError: it is not to be had, or no adapter can be laid over the model.
        UsageError: it answers from somewhere else.
    """
    from rag_router.assembly import load_expert

    one = _named(settings, name)
    if one is None:
        return load_expert(settings, model=name, fetch=fetch)
    if one.url is not None:
        raise UsageError(
            f"the expert {name!r} answers from {one.url}, and shows no knowledge of its own.",
            hint="Compare experts in memory, or record its outcomes and give --recorded.",
        )
    base = load_expert(settings_for(settings, name), fetch=fetch)
    if one.adapter is None:
        return replace(base, name=name)
    from rag_router.experts.adapting import adapted_expert

    return adapted_expert(base, one.adapter.expanduser(), name=one.name)


def load_named_parts(
    settings: Settings, name: str, *, fetch: Callable[[str], Any] | None = None
) -> tuple[Settings, Parts]:
    """Load what an expert of the settings answers with, wherever its weights are.

    Returns:
        The settings as far as it can follow them, and the parts.

    Raises:
        UnavailableError: a model, adapter or index is not to be had.
        UnknownNameError: the settings name no such expert.
    """
    from rag_router.assembly import index_names, load_gate, load_partners, open_indexes, suited
    from rag_router.experts.remote import load_remote

    one = _named(settings, name)
    if one is None:
        hint = "" if settings.experts else "Name experts in the settings: [[experts]]."
        raise UnknownNameError("expert", name, (one.name for one in settings.experts), hint=hint)
    own = settings_for(settings, name)
    embed = bool(index_names(own))
    if one.url is None:
        expert = load_named(settings, name, fetch=fetch)
    else:
        tokens = settings.generator.passage_tokens
        expert = load_remote(one, passage_tokens=tokens, seed=settings.seed)
        own, _ = suited(own, name, expert.model.abilities)
    gate = load_gate(own.gate, expert)
    parts = load_partners(own, expert, [gate], embed=embed, fetch=fetch)
    return own, replace(parts, indexes=open_indexes(own, parts.embedder))


def settings_for(settings: Settings, name: str) -> Settings:
    """Return the settings as they hold for an expert; of a model's own name, those for all."""
    from rag_router.pooling import settings_of

    one = _named(settings, name)
    return settings if one is None else settings_of(settings, one)


def card_of(settings: Settings, expert: Expert) -> Card:
    """Describe an expert in memory: with the price that the settings say, where they name it."""
    from rag_router.experts.card import Card

    one = _named(settings, expert.name)
    card = Card(
        name=expert.name,
        kind="local" if one is None or one.adapter is None else "adapter",
        model=expert.name if one is None else one.model,
        abilities=frozenset(expert.model.abilities),
        parameters=expert.model.parameters,
    )
    if one is None:
        return card
    return replace(card, price_prompt=one.price_prompt, price_completion=one.price_completion)


def _named(settings: Settings, name: str) -> ExpertSettings | None:
    return next((one for one in settings.experts if one.name == name), None)
