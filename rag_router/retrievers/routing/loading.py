"""Bring a routed retriever's artefacts to it, and check that it fits what it will look in.

Routers and query adapters are bound to the embedder that they were fitted with: loading either for
another one is an error that names both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from rag_router.artefacts import Artefact
from rag_router.errors import ArtefactError, SettingsError, UnknownNameError
from rag_router.registry import first_problem
from rag_router.retrievers.base import Searchable
from rag_router.retrievers.routed import RoutedRetriever
from rag_router.retrievers.routing import ROUTERS
from rag_router.retrievers.routing.everywhere import EverywhereRouter
from rag_router.retrievers.routing.experts import experts_of
from rag_router.retrievers.routing.learned import LearnedRouter

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["METHOD", "check_experts", "load_router", "loaded"]

METHOD: Final = "router/"
"""How the method of a router's artefact begins."""


def loaded(routed: RoutedRetriever, embedder: Embedder) -> RoutedRetriever:
    """Return a retriever with its router and its query adapters loaded.

    Raises:
        ArtefactError: one is broken, or was fitted with another embedder or for another router.
        UnavailableError: adapters need a library that is not installed.
    """
    if routed.artefact is not None:
        given = None if isinstance(routed.router, EverywhereRouter) else routed.router
        router = load_router(routed.artefact, embedder.fingerprint, given)
        routed = replace(routed, router=router)
    if any(expert.adapter is not None for expert in routed.experts):
        from rag_router.models.query_adapters import load_adapter

        experts = tuple(
            expert
            if expert.adapter is None
            else replace(expert, encoder=load_adapter(expert.adapter.expanduser(), embedder))
            for expert in routed.experts
        )
        routed = replace(routed, experts=experts)
    return routed


def load_router(
    folder: Path, fingerprint: str | None, given: object | None = None
) -> LearnedRouter:
    """Read a fitted router back.

    Args:
        folder: Its artefact.
        fingerprint: Of the embedder in use; None does not check.
        given: The router that settings name, with its options; None takes the artefact's.

    Raises:
        ArtefactError: it is broken, no router's, of another router, or of another embedder.
    """
    folder = folder.expanduser()
    artefact = Artefact.load(folder, model_fingerprint=fingerprint)
    method = artefact.card.method
    name = method.removeprefix(METHOD)
    if not method.startswith(METHOD) or name not in ROUTERS:
        raise ArtefactError(
            f"{folder} holds {method}, which is no router.", hint="Fit one: rag-router route fit."
        )
    router = ROUTERS.build(name) if given is None else given
    if not isinstance(router, LearnedRouter) or not isinstance(router, ROUTERS.get(name)):
        raise ArtefactError(
            f"{folder} was fitted for the router {name!r}, and the settings name another one.",
            hint=f"Set router = {name!r}, or leave it out.",
        )
    try:
        return router.with_artefact(artefact)
    except (KeyError, TypeError, ValueError) as exc:  # pydantic's errors are ValueErrors
        wrong = first_problem(exc) if isinstance(exc, ValidationError) else f"{exc!r}."
        raise ArtefactError(
            f"{folder} does not hold what the router {name!r} learns: {wrong}", hint="Fit it again."
        ) from exc


def check_experts(routed: RoutedRetriever, indices: Iterable[Searchable]) -> None:
    """Make sure, before anybody asks, that the router knows every expert there is.

    Raises:
        UnknownNameError: the general expert is none of them.
        SettingsError: the router has learned nothing of one.
    """
    names = [expert.name for expert in experts_of(routed.experts, indices)]
    if routed.general is not None and routed.general not in names:
        raise UnknownNameError("expert", routed.general, names)
    knows = routed.router.knows
    if knows is None:
        return
    if unknown := [name for name in names if name not in knows and name != routed.general]:
        raise SettingsError(
            f"the router has learned nothing of {', '.join(map(repr, unknown))}; "
            f"it knows {', '.join(knows) or 'none'}.",
            hint="Add them (rag-router route add), leave these indexes out (indexes = [...]), or "
            "let one be the general expert.",
        )
